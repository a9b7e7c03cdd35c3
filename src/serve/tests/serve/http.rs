//! Records over HTTP.

use base64::Engine;
use model::DType;
use model::run::{MarkKind, Setting};
use serve::Limits;

use crate::{Here, start};

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn npy(values: &[f32]) -> Vec<u8> {
    let head = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}\n",
        values.len()
    );
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((head.len() as u16).to_le_bytes());
    file.extend(head.as_bytes());
    file.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    file
}

#[test]
fn every_sort_of_record_arrives() {
    let here = start(Limits::default());
    let data = base64::prelude::BASE64_STANDARD.encode([0u8, 0, 128, 63, 0, 0, 0, 192]);
    let lines = format!(
        r#"
{{"scalar":"loss/train","step":1,"value":0.5,"wall":1000.5}}
{{"scalar":"loss/train","step":2,"value":"NaN"}}
{{"scalar":"loss/train","step":3,"value":"-Infinity"}}

{{"histogram":"weights/conv1","step":1,"min":-1,"max":3,"buckets":[[-1,0,2],[0,3,4.5]]}}
{{"tensor":"conv1","kind":"weights","step":1,"shape":[1,2],"dtype":"f32","data":"{data}"}}
{{"tensor":"embedding/words","kind":"embedding","step":1,"shape":[2,1],"data":[0.25,"NaN"]}}
{{"tensor":"count","step":1,"dtype":"int64","data":[9007199254740993,-1]}}
{{"text":"sample","step":4,"value":"two\nlines"}}
{{"image":"input","step":4,"data":"{PNG}"}}
{{"hyperparameters":{{"rate":0.1,"nesterov":true,"name":"x","steps":5}}}}
{{"mark":"saved","kind":"checkpoint","step":4}}
"#
    );
    let reply = here.post("sweep%2Fa", &lines);
    assert_eq!(reply.status, 200, "{reply:?}");
    // Four settings are four records, and the NaN that turned up is marked beside them.
    assert_eq!(
        (reply.json["accepted"].as_u64(), reply.json["next"].as_u64()),
        (Some(14), Some(15))
    );
    let array = r#"[{"scalar":"loss/train","step":4,"value":1e-3},
        {"scalar":"loss/train","step":5,"value":2}]"#;
    assert_eq!(here.post("sweep%2Fa", array).json["next"], 17);
    let url = format!(
        "{}/v1/runs/sweep%2Fa/records?tag=conv2&step=7&kind=gradients&wall=12.5",
        here.handle().url
    );
    let reply = here.post_to(
        &url,
        &[("Content-Type", "application/x-npy")],
        &npy(&[1.0, 2.0, 3.0]),
    );
    assert_eq!(reply.json["accepted"], 1, "{reply:?}");

    let runs = here.runs();
    assert_eq!((runs.len(), &*runs[0].name), (1, "sweep/a"));
    let run = &runs[0];
    let loss: Vec<_> = run.series["loss/train"]
        .points()
        .map(|p| (p.step, p.value.to_string()))
        .collect();
    let expected = [(1, "0.5"), (2, "NaN"), (3, "-inf"), (4, "0.001"), (5, "2")];
    assert_eq!(loss, expected.map(|(s, v)| (s, v.to_string())));
    assert_eq!(run.series["loss/train"].get(0).unwrap().wall, 1000.5);
    let h = &run.histograms["weights/conv1"][0].value;
    assert_eq!(
        (h.min, h.max, h.count, h.buckets.len(), h.sum.is_nan()),
        (-1.0, 3.0, 6.5, 2, true)
    );
    let tensor = |tag: &str| &run.tensors[tag][0];
    assert_eq!(tensor("weights/conv1").value.to_f32(), Some(vec![1.0, -2.0]));
    assert_eq!(tensor("weights/conv1").value.shape, [1, 2]);
    assert_eq!(tensor("count").value.to_i64(), Some(vec![9007199254740993, -1]));
    assert_eq!(tensor("count").value.dtype, DType::I64);
    assert!(tensor("embedding/words").value.to_f32().unwrap()[1].is_nan());
    let sent = tensor("gradients/conv2");
    assert_eq!(
        (sent.step, sent.wall, sent.value.to_f32()),
        (7, 12.5, Some(vec![1.0, 2.0, 3.0]))
    );
    assert_eq!(*run.texts["sample"][0].value, "two\nlines");
    let image = &run.images["input"][0].value;
    assert_eq!(
        (image.width, image.height, &image.encoded[1..4]),
        (1, 1, &b"PNG"[..])
    );
    assert_eq!(run.hyperparameters["rate"], Setting::Number(0.1));
    assert_eq!(run.hyperparameters["steps"], Setting::Number(5.0));
    assert_eq!(run.hyperparameters["nesterov"], Setting::Flag(true));
    let marks: Vec<_> = run.marks.iter().map(|m| (m.kind, &*m.text)).collect();
    assert!(marks.contains(&(MarkKind::Checkpoint, "saved")), "{marks:?}");
    assert!(
        marks.contains(&(MarkKind::Problem, "loss/train is NaN")),
        "{marks:?}"
    );
}

#[test]
fn wrong_input_is_answered_by_its_place_and_nothing_of_it_is_taken() {
    let here = start(Limits::default());
    let good = r#"{"scalar":"a","step":1,"value":1}"#;
    let cases = [
        ("", "at least one record"),
        ("[]", "at least one record"),
        ("nonsense", "line 2, column"),
        (r#"{"scalar":"a","step":1}"#, "line 2: field value: a number"),
        (
            r#"{"scalar":"a","value":1}"#,
            "line 2: field step: a whole number",
        ),
        (
            r#"{"scalar":"a","step":1.5,"value":1}"#,
            "field step: invalid type: floating point",
        ),
        (r#"{"scalar":"a","step":1,"value":NaN}"#, "line 2, column"),
        (
            r#"{"scalar":"a","step":1,"value":"nan"}"#,
            "field value: a number",
        ),
        (
            r#"{"scalar":"a","step":1,"value":1,"valeu":2}"#,
            "unknown field `valeu`",
        ),
        (
            r#"{"scalar":"a","step":1,"value":1,"data":[1]}"#,
            "field data: it has no place beside scalar",
        ),
        (
            r#"{"scalar":"a","text":"b","step":1,"value":1}"#,
            "field text: it has no place beside scalar",
        ),
        (
            r#"{"scalar":"a","step":1,"value":1,"wall":"NaN"}"#,
            "field wall: seconds",
        ),
        (r#"{"scalar":"","step":1,"value":1}"#, "a tag of 1 to"),
        (
            r#"{"scalar":"a\u0007","step":1,"value":1}"#,
            "without control characters",
        ),
        (r#"{"step":1,"value":1}"#, "one of the fields scalar"),
        (
            r#"{"histogram":"h","step":1,"buckets":[[0,1]]}"#,
            "field buckets[0]",
        ),
        (
            r#"{"histogram":"h","step":1,"buckets":[[0,1,1],[0.5,2,1]]}"#,
            "field buckets[1]",
        ),
        (
            r#"{"histogram":"h","step":1,"buckets":[[0,1,-1]]}"#,
            "field buckets[0]",
        ),
        (
            r#"{"tensor":"t","step":1,"shape":[2],"data":[1]}"#,
            "2 numbers are expected",
        ),
        (
            r#"{"tensor":"t","step":1,"shape":[2],"data":"AAAA"}"#,
            "8 bytes are expected",
        ),
        (
            r#"{"tensor":"t","step":1,"shape":[2],"data":"A*"}"#,
            "base64 is expected",
        ),
        (r#"{"tensor":"t","step":1,"data":"AAAA"}"#, "field shape"),
        (
            r#"{"tensor":"t","step":1,"dtype":"f31","data":[1]}"#,
            "field dtype: one of float64",
        ),
        (
            r#"{"tensor":"t","step":1,"dtype":"u8","data":[256]}"#,
            "field data[0]",
        ),
        (
            r#"{"tensor":"t","step":1,"kind":"bias","data":[1]}"#,
            "field kind: weights",
        ),
        (r#"{"image":"i","step":1,"data":"AAAA"}"#, "no PNG, JPEG or GIF"),
        (
            r#"{"mark":"m","step":1,"kind":"party"}"#,
            "field kind: intervention",
        ),
        (r#"{"hyperparameters":{"a":[1]}}"#, "field hyperparameters"),
        (
            r#"[{"scalar":"a","step":1,"value":1},{"scalar":"b"}]"#,
            "record 2: field step",
        ),
        ("[{\"scalar\":\"a\",\n\"step\":true}]", "row 2 column"),
    ];
    for (body, place) in cases {
        let alone = body.is_empty() || body.starts_with('[');
        let body = if alone {
            body.to_string()
        } else {
            format!("{good}\n{body}")
        };
        let reply = here.post("a", &body);
        let error = reply.json["error"].as_str().unwrap();
        assert_eq!(reply.status, 400, "{body}: {error}");
        assert!(error.contains(place), "{body}: {error}");
    }
    let not = |reply: crate::Reply, status, why: &str| {
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(reply.json["error"].as_str().unwrap().contains(why), "{reply:?}");
    };
    for name in [
        "..",
        "%2e%2e%2fa",
        "%2Fetc%2Fpasswd",
        "a%00b",
        "a%5Cb",
        "%E2%80%AEa",
        "a%2F",
        &"n".repeat(300),
    ] {
        // `..` alone is resolved by who reads the address, and then leads nowhere.
        let reply = here.post(name, good);
        assert!(reply.status == 400 || reply.status == 404, "{name}: {reply:?}");
    }
    not(here.post("a%ff", good), 400, "the run's name");
    not(
        here.post_with("a", &[("Content-Type", "application/xml")], b"x"),
        415,
        "Content-Type",
    );
    not(
        here.post_with("a", &[("Content-Encoding", "gzip")], b"x"),
        415,
        "Content-Encoding",
    );
    not(
        here.post_with("a", &[("Layerscope-Batch", "1")], good.as_bytes()),
        400,
        "16 hexadecimal",
    );
    not(
        here.post_with("a", &[("Content-Type", "application/x-npy")], b"x"),
        400,
        "?tag=TAG",
    );
    let url = |rest: &str| format!("{}{rest}", here.handle().url);
    let npy = [("Content-Type", "application/x-npy")];
    not(
        here.post_to(&url("/v1/runs/a/records?tag=t&step=1"), &npy, b"x"),
        400,
        "npy:",
    );
    not(
        here.post_to(&url("/v1/runs/a/records?tag=t&step=x"), &npy, b"x"),
        400,
        "the address",
    );
    not(
        here.post_to(&url("/v1/else"), &[], b"x"),
        404,
        "POST /v1/runs/RUN/records",
    );
    not(
        here.post_to(&url("/v1/health"), &[], b"x"),
        405,
        "GET for the rest",
    );
    assert_eq!(
        here.runs().len(),
        0,
        "not even the good records beside the wrong ones"
    );
}

#[test]
fn a_batch_sent_twice_is_taken_once() {
    let here = start(Limits::default());
    let body = br#"{"scalar":"a","step":1,"value":1}"#;
    let send = |here: &Here, number: &str| {
        let batch = format!("00000000000000ff-{number}");
        here.post_with("a", &[("Layerscope-Batch", &batch)], body).json["accepted"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(
        [
            send(&here, "1"),
            send(&here, "1"),
            send(&here, "2"),
            send(&here, "1")
        ],
        [1, 0, 1, 0]
    );
    assert_eq!(here.runs()[0].points(), 2);
}

#[test]
fn the_app_hears_what_is_accepted_and_problems_become_marks() {
    let here = start(Limits::default());
    let live = here.handle().subscribe();
    here.post("a", r#"{"scalar":"a","step":9,"value":1,"wall":5000}"#);
    here.post("a", "{}");
    here.post("a", r#"{"scalar":"a","step":3,"value":"Infinity","wall":4000}"#);
    let heard = live.take().unwrap();
    assert_eq!(
        heard
            .iter()
            .map(|(run, records)| (&**run, records.len()))
            .collect::<Vec<_>>(),
        [("a", 1), ("a", 4)]
    );
    assert_eq!(live.take().map(|r| r.len()), Some(0));
    let runs = here.runs();
    let mut again = model::Run::new("a");
    heard
        .iter()
        .flat_map(|(_, r)| r.iter())
        .for_each(|r| again.take(r.clone()));
    assert_eq!(again.marks, runs[0].marks);
    let marks: Vec<_> = runs[0].marks.iter().map(|m| (m.kind, m.step, &*m.text)).collect();
    assert_eq!(
        marks,
        [
            (MarkKind::Restart, 3, "the run began again at step 3 after step 9"),
            (MarkKind::Problem, 3, "the clock went back by 17 min"),
            (MarkKind::Problem, 3, "a is inf"),
        ]
    );
}

#[test]
fn many_at_once_share_the_disk_and_each_is_there() {
    let here = start(Limits::default());
    std::thread::scope(|scope| {
        for client in 0..8 {
            let here = &here;
            scope.spawn(move || {
                for step in 0..50 {
                    let body = format!(r#"{{"scalar":"c{client}","step":{step},"value":{step}}}"#);
                    let reply = here.post("a", &body);
                    assert_eq!(reply.status, 200, "{reply:?}");
                }
            });
        }
    });
    let runs = here.runs();
    for client in 0..8 {
        assert!(
            runs[0].series[&format!("c{client}")]
                .points()
                .map(|p| p.step)
                .eq(0..50)
        );
    }
}
