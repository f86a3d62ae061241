//! `docs/events.schema.json`, as far as the words that it uses: a line fits exactly one of its events. More strictly than the
//! schema says to others, a field that it does not describe is a fault.

use serde_json::Value;

/// The schema of the JSON lines.
pub(crate) struct Schema {
    root: Value,
}

impl Schema {
    /// The one of the documentation.
    pub(crate) fn of_docs() -> Schema {
        let text = include_str!("../../docs/events.schema.json");
        Schema { root: serde_json::from_str(text).expect("the schema is JSON") }
    }

    /// A line that is of one of the events; says what does not fit.
    pub(crate) fn check(&self, line: &Value) -> Result<(), String> {
        let events = self.root["oneOf"].as_array().expect("events");
        let faults: Vec<String> =
            events.iter().filter_map(|event| self.fits(event, line, "").err()).collect();
        match events.len() - faults.len() {
            1 => Ok(()),
            0 => Err(format!("{line} is no event: {}", self.nearest(line))),
            n => Err(format!("{line} is {n} events")),
        }
    }

    fn nearest(&self, line: &Value) -> String {
        let name = line["event"].as_str().unwrap_or("none");
        match self.root["$defs"].get(name) {
            Some(event) => self.fits(event, line, "").err().unwrap_or_default(),
            None => format!("none is named {name}"),
        }
    }

    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (word, said) in schema.as_object().expect("a schema is an object") {
            match word.as_str() {
                "$ref" => {
                    let name =
                        said.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("a definition");
                    self.fits(&self.root["$defs"][name], value, at)?;
                }
                "type" => is_of_type(said, value)
                    .then_some(())
                    .ok_or_else(|| format!("{at} is {value}, not {said}"))?,
                "const" if said != value => return Err(format!("{at} is {value}, not {said}")),
                "enum" if !said.as_array().expect("values").contains(value) => {
                    return Err(format!("{at} is {value}, none of {said}"));
                }
                "required" => {
                    for key in said.as_array().expect("names") {
                        let key = key.as_str().expect("a name");
                        value.get(key).ok_or_else(|| format!("{at} has no {key}"))?;
                    }
                }
                "properties" if value.is_object() => {
                    for (key, value) in value.as_object().expect("an object") {
                        let place = format!("{at}/{key}");
                        let schema = said.get(key).ok_or_else(|| format!("{place} is not described"))?;
                        self.fits(schema, value, &place)?;
                    }
                }
                "additionalProperties" if value.is_object() && said.is_object() => {
                    for (key, value) in value.as_object().expect("an object") {
                        self.fits(said, value, &format!("{at}/{key}"))?;
                    }
                }
                "items" => {
                    for value in value.as_array().into_iter().flatten() {
                        self.fits(said, value, at)?;
                    }
                }
                "const" | "enum" | "properties" | "additionalProperties" | "description" => {}
                other => panic!("the checker does not know `{other}`"),
            }
        }
        Ok(())
    }
}

fn is_of_type(said: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("the checker does not know the type `{other}`"),
    };
    match said {
        Value::String(name) => is(name),
        names => names.as_array().expect("types").iter().any(|name| is(name.as_str().expect("a type"))),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let schema = Schema::of_docs();
    let check = |text: &str| schema.check(&serde_json::from_str(text).expect("JSON"));
    assert_eq!(check(r#"{"v":1,"event":"intent","host":"a"}"#), Ok(()));
    for (text, part) in [
        (r#"{"v":1,"event":"intent"}"#, "has no host"),
        (r#"{"v":2,"event":"intent","host":"a"}"#, "/v is 2, not 1"),
        (r#"{"v":1,"event":"intent","host":1}"#, "/host is 1"),
        (r#"{"v":1,"event":"intent","host":"a","why":1}"#, "/why is not described"),
        (r#"{"v":1,"event":"weather"}"#, "none is named weather"),
        (r#"{"v":1,"event":"step","host":"a","step":1,"passage":"left"}"#, "none of"),
    ] {
        let error = check(text).expect_err(text);
        assert!(error.contains(part), "{error}");
    }
}
