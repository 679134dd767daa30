//! What a run is given: whether it is of the kinds that the file asks for.

use std::collections::BTreeMap;

use crate::definition::{Definition, Input, InputKind};
use crate::limits::MAX_VALUE_BYTES;
use crate::plan::{RunContext, Scalar};
use crate::suggest::nearest;
use crate::tree::shown;

/// Why a run can't be started with what it was given. Tells no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    pub name: String,
    /// Such as `is no number`; goes behind the name.
    pub message: String,
}

/// What goes into [`RunContext::variables`], and into [`RunContext::inputs`].
pub type GivenInputs = (BTreeMap<String, String>, BTreeMap<String, Scalar>);

impl InputKind {
    /// Whatever has this kind, for where nothing was given.
    pub(crate) fn empty(&self) -> Scalar {
        match self {
            Self::String | Self::Choice(_) => Scalar::Text(String::new()),
            Self::Number => Scalar::Number(0.0),
            Self::Boolean => Scalar::Boolean(false),
        }
    }

    /// Why `text` is not of this kind.
    pub(crate) fn objection(&self, text: &str) -> Option<String> {
        match self {
            Self::String if text.len() > MAX_VALUE_BYTES => {
                Some(format!("can have at most {} KiB", MAX_VALUE_BYTES / 1024))
            }
            Self::String if text.contains('\0') => Some("can't hold a zero byte".to_owned()),
            Self::String => None,
            Self::Number => number(text).is_none().then(|| "is no number".to_owned()),
            Self::Boolean => boolean(text).is_none().then(|| "has to be `true` or `false`".to_owned()),
            Self::Choice(options) if options.iter().any(|option| option == text) => None,
            Self::Choice(options) => Some(match nearest(text, options.iter().map(String::as_str)) {
                Some(near) => format!("is not one of its options; did you mean `{near}`?"),
                None => format!("is not one of its options, which are {}", shown(&options.join(", "))),
            }),
        }
    }

    /// `text`, which is of this kind.
    fn scalar(&self, text: &str) -> Scalar {
        match self {
            Self::String | Self::Choice(_) => Scalar::Text(text.to_owned()),
            Self::Number => Scalar::Number(number(text).unwrap_or_default()),
            Self::Boolean => Scalar::Boolean(boolean(text).unwrap_or_default()),
        }
    }

    /// Whether a run's value is of this kind.
    pub(crate) fn holds(&self, value: &Scalar) -> bool {
        match (self, value) {
            (Self::String, Scalar::Text(_)) | (Self::Boolean, Scalar::Boolean(_)) => true,
            (Self::Number, Scalar::Number(number)) => number.is_finite(),
            (Self::Choice(options), Scalar::Text(text)) => text.is_empty() || options.contains(text),
            _ => false,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Definition {
    /// What a run that is started by hand gets: the variables, and the values of the inputs in their kinds. Where the
    /// file names no inputs, anything may be given, and is a variable.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the names.
    pub fn check_inputs(&self, given: &BTreeMap<String, String>) -> Result<GivenInputs, Vec<InputProblem>> {
        if self.inputs.is_empty() {
            return Ok((given.clone(), BTreeMap::new()));
        }
        let mut problems: Vec<InputProblem> = given
            .keys()
            .filter(|name| !self.inputs.iter().any(|input| input.name == **name))
            .map(|name| InputProblem { name: name.clone(), message: self.unknown(name) })
            .collect();
        let (mut variables, mut inputs) = (BTreeMap::new(), BTreeMap::new());
        for input in &self.inputs {
            match take(input, given.get(&input.name)) {
                Ok((text, value)) => {
                    variables.extend(text.map(|text| (input.name.clone(), text.to_owned())));
                    inputs.insert(input.name.clone(), value);
                }
                Err(message) => problems.push(InputProblem { name: input.name.clone(), message }),
            }
        }
        problems.sort_by(|a, b| a.name.cmp(&b.name));
        if problems.is_empty() { Ok((variables, inputs)) } else { Err(problems) }
    }

    /// Gives a run whatever it was not given: the defaults, and for expressions what stands for nothing in each kind.
    /// For every run that nobody starts by hand.
    pub fn fill_inputs(&self, context: &mut RunContext) {
        for input in &self.inputs {
            if context.inputs.contains_key(&input.name) {
                continue;
            }
            let given = context.variables.get(&input.name).or(input.default.as_ref());
            let given = given.filter(|text| input.kind.objection(text).is_none()).cloned();
            let value = given.as_deref().map_or_else(|| input.kind.empty(), |text| input.kind.scalar(text));
            context.inputs.insert(input.name.clone(), value);
            context.variables.extend(given.map(|text| (input.name.clone(), text)));
        }
    }

    fn unknown(&self, name: &str) -> String {
        let known = || self.inputs.iter().map(|input| input.name.as_str());
        match nearest(name, known()) {
            Some(near) => format!("is no input of the pipeline; did you mean `{near}`?"),
            None => {
                format!("is no input of the pipeline, which has {}", known().collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// The text and the value of an input.
fn take<'t>(input: &'t Input, given: Option<&'t String>) -> Result<(Option<&'t str>, Scalar), String> {
    let Some(text) = given.or(input.default.as_ref()) else {
        return if input.required {
            Err("has to be given".to_owned())
        } else {
            Ok((None, input.kind.empty()))
        };
    };
    match input.kind.objection(text) {
        None => Ok((Some(text), input.kind.scalar(text))),
        Some(message) => Err(message),
    }
}
