//! CSV and JSON lines: what columns mean, growth, damage.

mod support;

use std::fs;
use std::io::Write;
use std::sync::Arc;

use model::Run;
use model::run::MarkKind;
use runs::Library;
use support::{open, refresh, run};

/// The runs in one file of this name, and the warnings.
fn read(name: &str, text: &str) -> (Vec<Arc<Run>>, Vec<String>) {
    let mut library = Library::from_bytes(vec![(name.to_string(), text.to_string().into())]).unwrap();
    refresh(&mut library);
    let warnings = library.warnings().iter().map(|w| w.to_string()).collect();
    (library.runs().to_vec(), warnings)
}

fn points(run: &Run, tag: &str) -> Vec<(i64, f64)> {
    let series = run
        .series
        .get(tag)
        .unwrap_or_else(|| panic!("no {tag:?} in {:?}", run.series.keys()));
    series.points().map(|p| (p.step, p.value)).collect()
}

#[test]
fn keras_writes_epochs() {
    let text = "epoch,accuracy,loss,lr\r\n0,0.5,1.25,0.001\r\n1,0.75,0.5,0.001\r\n";
    let (runs, warnings) = read("training.csv", text);
    assert_eq!((runs[0].name.as_str(), warnings.len()), ("training", 0));
    assert_eq!(points(&runs[0], "loss"), [(0, 1.25), (1, 0.5)]);
    assert_eq!(
        runs[0].series.keys().collect::<Vec<_>>(),
        ["accuracy", "loss", "lr"]
    );
    // CSVLogger(append=True) after a restart; another separator.
    let text = "epoch;loss\n0;1\n1;2\n2;3\nepoch;loss\n1;5\n2;6\n";
    let (runs, warnings) = read("training.csv", text);
    assert_eq!((runs[0].series["loss"].restarts(), warnings.len()), (&[3][..], 0));
    assert_eq!(runs[0].marks[0].kind, MarkKind::Restart);
}

#[test]
fn lightning_writes_sparse_rows_and_hyperparameters() {
    let text = "epoch,step,train_loss,val_loss\n0,49,0.9,\n0,49,,0.8\n1,99,0.7,\n1,99,,nan\n,120,0.5,\n";
    let yaml = "lr: 0.02\nmodel:\n  depth: 3\nfn: !!python/name:os.system ''\n";
    let folder = tempfile::tempdir().unwrap();
    let version = folder.path().join("lightning_logs/version_0");
    fs::create_dir_all(&version).unwrap();
    fs::write(version.join("metrics.csv"), text).unwrap();
    fs::write(version.join("hparams.yaml"), yaml).unwrap();
    let library = open(folder.path());
    let run = run(&library, "lightning_logs/version_0");
    assert_eq!(points(&run, "train_loss"), [(49, 0.9), (99, 0.7), (120, 0.5)]);
    assert_eq!(points(&run, "val_loss").len(), 2);
    assert!(run.series["val_loss"].last().unwrap().value.is_nan());
    assert_eq!(
        points(&run, "epoch"),
        [(49, 0.0), (49, 0.0), (99, 1.0), (99, 1.0)]
    );
    assert_eq!(run.hyperparameters["lr"].to_string(), "0.02");
    assert_eq!(run.hyperparameters["model/depth"].to_string(), "3");
    assert!(!run.hyperparameters.contains_key("fn"));
    let warnings: Vec<_> = library.warnings().iter().map(|w| w.to_string()).collect();
    assert!(
        warnings.len() == 1 && warnings[0].contains("object of Python"),
        "{warnings:?}"
    );
}

#[test]
fn lightning_may_write_the_file_anew_with_more_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.csv");
    fs::write(&path, "step,a\n1,0.5\n2,0.25\n").unwrap();
    let mut library = open(folder.path());
    fs::write(&path, "step,a,b\n1,0.5,\n2,0.25,\n3,,7\n").unwrap();
    refresh(&mut library);
    let run = &library.runs()[0];
    assert_eq!(points(run, "a"), [(1, 0.5), (2, 0.25)]);
    assert_eq!(points(run, "b"), [(3, 7.0)]);
    assert_eq!(library.warnings(), []);
    assert!(run.marks.is_empty());
}

#[test]
fn tables_of_one_number_a_row_hold_several_runs() {
    let text = "run,tag,step,wall,value\na,loss,0,1700000000.5,1\nb,loss,0,,2\na,acc,1,,3\nb/c,loss,5,,inf\n";
    let (runs, warnings) = read("export.csv", text);
    let names: Vec<_> = runs.iter().map(|r| r.name.as_str()).collect();
    assert_eq!((names, warnings.len()), (vec!["a", "b", "b/c"], 0));
    assert_eq!(points(&runs[0], "loss"), [(0, 1.0)]);
    assert_eq!(runs[0].series["loss"].last().unwrap().wall, 1_700_000_000.5);
    assert!(runs[1].series["loss"].last().unwrap().wall.is_nan());
    assert_eq!(points(&runs[2], "loss"), [(5, f64::INFINITY)]);
    // Beside other files, the file's name comes first.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("export.csv"), text).unwrap();
    let library = open(folder.path());
    assert_eq!(library.runs()[0].name, "export/a");
}

#[test]
fn a_growing_table_waits_for_its_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let text = "step,loss,note\n1,0.5,\"a \"\"quoted\"\"\nnote\"\n2,0.25,\n3,0.125,plain\n";
    let mut file = fs::File::create(&path).unwrap();
    let mut library = Library::open(folder.path()).unwrap();
    for byte in text.as_bytes() {
        file.write_all(&[*byte]).unwrap();
        refresh(&mut library);
        let values: Vec<f64> = library.runs()[0]
            .series
            .get("loss")
            .map_or(vec![], |s| s.points().map(|p| p.value).collect());
        assert!([0.5, 0.25, 0.125].starts_with(&values), "{values:?}");
    }
    let run = &library.runs()[0];
    assert_eq!(points(run, "loss"), [(1, 0.5), (2, 0.25), (3, 0.125)]);
    assert_eq!(*run.texts["note"][0].value, "a \"quoted\"\nnote");
    assert_eq!(library.warnings(), []);
    // What rests is whole without an end of line; and when it goes on after all, nothing is wrong.
    write!(file, "4,0.1").unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    refresh(&mut library);
    assert_eq!(
        library.runs()[0].series["loss"].len(),
        3,
        "a row without all its cells waits"
    );
    write!(file, ",").unwrap();
    file.set_modified(old).unwrap();
    refresh(&mut library);
    assert_eq!(library.runs()[0].series["loss"].last().unwrap().value, 0.1);
    writeln!(file, "later\n5,0.05,").unwrap();
    refresh(&mut library);
    assert_eq!(points(&library.runs()[0], "loss").len(), 5);
    assert_eq!(library.runs()[0].texts["note"].len(), 3);
}

#[test]
fn what_is_wrong_in_a_table_is_said_with_its_line() {
    let text = "\u{feff}step,loss,loss,\n1,2,3,4\nx,5,6\n3,7,8,9,10\n,11,12\n2.5,1,1\n";
    let (runs, warnings) = read("a.csv", text);
    assert_eq!(
        points(&runs[0], "loss"),
        [(1, 2.0), (3, 7.0), (3, 11.0), (2, 1.0)]
    );
    assert_eq!(points(&runs[0], "loss#3")[0], (1, 3.0));
    assert_eq!(points(&runs[0], "column 4"), [(1, 4.0), (3, 9.0)]);
    for expected in [
        "line 1: two columns",
        "line 3: a step is expected",
        "line 4: a row has 5 cells",
        "line 5: a row without a step",
        "line 6: the step 2.5",
    ] {
        assert!(
            warnings.iter().any(|w| w.contains(expected)),
            "{expected}: {warnings:?}"
        );
    }
    let (runs, warnings) = read("a.csv", "1,2\n3,4\n");
    assert!(
        runs[0].series.is_empty() && warnings[0].contains("names of columns are expected"),
        "{warnings:?}"
    );
    let (runs, warnings) = read("a.csv", "loss,time\n1,0.5\n2,0.75\n");
    assert_eq!(
        (points(&runs[0], "time"), warnings.len()),
        (vec![(0, 0.5), (1, 0.75)], 0)
    );
}

#[test]
fn json_lines_are_flattened() {
    let text = concat!(
        r#"{"_step": 0, "_timestamp": 1700000000.25, "loss": NaN, "eval": {"acc": 0.5, "deep": {"x": 1}}, "note": "hi", "ok": true}"#,
        "\n",
        r#"{"_step": 1, "loss": 0.023255813866853714, "w": [1, 2.5], "none": null, "h": {"_type": "histogram", "bins": [0, 1, 3], "values": [4, 5]}}"#,
        "\n",
        "{\"_step\": 2, \"loss\": }\n",
        "[1]\n",
        "\n",
        r#"{"_step": 3, "loss": 9007199254740993}"#,
    );
    let (runs, warnings) = read("wandb.jsonl", text);
    let run = &runs[0];
    assert!(run.series["loss"].get(0).unwrap().value.is_nan());
    assert_eq!(run.series["loss"].get(0).unwrap().wall, 1_700_000_000.25);
    assert_eq!(
        points(run, "loss")[1..],
        [(1, 0.023255813866853714), (3, 9007199254740992.0)]
    );
    assert_eq!(
        (points(run, "eval/acc"), points(run, "eval/deep/x")),
        (vec![(0, 0.5)], vec![(0, 1.0)])
    );
    assert_eq!(
        (points(run, "ok"), run.texts["note"][0].value.as_str()),
        (vec![(0, 1.0)], "hi")
    );
    assert_eq!(run.tensors["w"][0].value.to_f64().unwrap(), [1.0, 2.5]);
    assert_eq!(run.histograms["h"][0].value.buckets[1].count, 5.0);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("line 3: a value is expected at column 22"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("line 4: an object"), "{warnings:?}");
    let long = "{\"run\": \"a\", \"tag\": \"t\", \"step\": 9007199254740993, \"value\": 2}\n{\"run\": \"b\", \"tag\": \"t\", \"step\": 4, \"value\": 3}\n";
    let (runs, _) = read("long.jsonl", long);
    assert_eq!(points(&runs[0], "t"), [(9007199254740993, 2.0)]);
    assert_eq!(
        (runs[1].name.as_str(), points(&runs[1], "t")),
        ("b", vec![(4, 3.0)])
    );
}

#[test]
fn growing_json_lines_are_followed_and_an_incomplete_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let text = "{\"step\": 1, \"loss\": 0.5}\n{\"step\": 2, \"loss\": 0.25}\n{\"step\": 3, \"loss\": 0.125}";
    let mut file = fs::File::create(&path).unwrap();
    let mut library = Library::open(folder.path()).unwrap();
    for piece in text.as_bytes().chunks(7) {
        file.write_all(piece).unwrap();
        refresh(&mut library);
        assert_eq!(library.warnings(), []);
    }
    assert_eq!(
        points(&library.runs()[0], "loss"),
        [(1, 0.5), (2, 0.25), (3, 0.125)]
    );
    write!(file, "\n{{\"step\": 4, \"lo").unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60))
        .unwrap();
    refresh(&mut library);
    assert!(
        library.warnings()[0]
            .to_string()
            .contains("line 4: the last line is not complete")
    );
}

#[test]
fn a_table_of_many_blocks_is_read_whole() {
    let mut text = "step,a,b\n".to_string();
    let mut json = String::new();
    for i in 0..200_000 {
        text += &format!("{i},{},{}\n", i as f64 * 0.5, -i);
        json += &format!("{{\"step\": {i}, \"a\": {}}}\n", i as f64 * 0.5);
    }
    for (name, text) in [("big.csv", text), ("big.jsonl", json)] {
        let (runs, warnings) = read(name, &text);
        let series = &runs[0].series["a"];
        assert_eq!((series.len(), warnings.len()), (200_000, 0), "{name}");
        assert!(
            series
                .points()
                .enumerate()
                .all(|(i, p)| p.step == i as i64 && p.value == i as f64 * 0.5)
        );
    }
}
