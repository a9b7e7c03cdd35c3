//! The hparams plugin: what was chosen before a session (tensorboard/plugins/hparams).

use std::collections::BTreeMap;

use model::Record;
use model::run::Setting;
use prost::Message;

use super::proto::{HParamsPluginData, Json, Kind, SessionStartInfo};

/// Tag of the value that holds them.
pub(super) const TAG: &str = "_hparams_/session_start_info";

/// The hyperparameters in the plugin's data; none in that of an experiment or of a session's end.
pub(super) fn read(content: &[u8]) -> Result<Vec<Record>, String> {
    let data = HParamsPluginData::decode(content);
    let data = data.map_err(|e| format!("hyperparameters cannot be read: {e}"))?;
    let start = data.session_start_info.unwrap_or_default();
    let setting = |(name, json): (String, Json)| Record::Hyperparameter {
        name,
        value: match json.kind {
            Some(Kind::Bool(v)) => Setting::Flag(v),
            Some(Kind::Number(v)) => Setting::Number(v),
            Some(Kind::String(v)) => Setting::Text(v),
            other => Setting::Text(text(&Json { kind: other })),
        },
    };
    Ok(start.hparams.into_iter().map(setting).collect())
}

fn text(json: &Json) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match &json.kind {
        None | Some(Kind::Null(_)) => "null".into(),
        Some(Kind::Bool(v)) => v.to_string(),
        Some(Kind::Number(v)) => v.to_string(),
        Some(Kind::String(v)) => format!("{v:?}"),
        Some(Kind::List(l)) => format!("[{}]", list(l.values.iter().map(text).collect())),
        Some(Kind::Struct(s)) => {
            let field = |(name, value): (&String, &Json)| format!("{name:?}: {}", text(value));
            format!("{{{}}}", list(s.fields.iter().map(field).collect()))
        }
    }
}

/// The plugin's data for hyperparameters.
pub(super) fn write(settings: &BTreeMap<String, Setting>, wall: f64) -> Vec<u8> {
    let json = |value: &Setting| Json {
        kind: Some(match value {
            Setting::Flag(v) => Kind::Bool(*v),
            Setting::Number(v) => Kind::Number(*v),
            Setting::Text(v) => Kind::String(v.clone()),
        }),
    };
    let info = SessionStartInfo {
        hparams: settings
            .iter()
            .map(|(name, value)| (name.clone(), json(value)))
            .collect(),
        group_name: String::new(),
        start_time_secs: wall,
    };
    let data = HParamsPluginData {
        version: 0,
        session_start_info: Some(info),
    };
    data.encode_to_vec()
}
