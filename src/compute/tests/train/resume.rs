//! A training that was interrupted has the same numbers as one that was not.

use compute::train::{
    Augmentation, Cadence, Change, Checkpoint, Every, Loss, Moments, Optimizer, Plan, Schedule, Trainer,
};
use compute::wait;
use model::run::MarkKind;
use model::{Dataset, Network};

use super::{nets, plain, step, steps, trainer};

/// Everything random at once: order, augmentation, dropout.
fn plan() -> Plan {
    Plan {
        steps: Some(60),
        epochs: 20,
        shuffle: true,
        batch: 9,
        seed: 11,
        optimizer: Optimizer::AdamW(Moments::default()),
        weight_decay: 0.02,
        learning_rate: 0.0123456789,
        schedule: Schedule::OneCycle {
            length: None,
            rise: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            linear: false,
            momentum: Some([0.95, 0.85]),
        },
        augmentation: Augmentation {
            flip: true,
            shift: 1,
            rotate: 10.0,
            noise: 0.05,
            cutout: 2,
        },
        validate: Every::Epoch,
        statistics: Cadence::Steps(10),
        ..plain()
    }
}

fn network() -> Network {
    let mut build = model::templates::Build::new("dropping", 3);
    let x = build.input("image", &[2, 6, 6]);
    let x = build.conv("conv", x, 2, 4, 3, 1);
    let x = build.norm("norm", x, 4);
    let x = build.flatten("flatten", x);
    let x = build.dropout("dropout", x, 0.3);
    let x = build.linear("linear", x, 144, 3);
    build.finish(&[x])
}

fn data() -> Dataset {
    nets::classes().split(0.2, 5)
}

fn bits(trainer: &mut Trainer, count: usize) -> Vec<u64> {
    (0..count).map(|_| step(trainer).loss.to_bits()).collect()
}

fn weights(trainer: &Trainer) -> Checkpoint {
    wait(trainer.checkpoint()).unwrap().unwrap()
}

#[test]
fn thirty_steps_and_thirty_more_are_sixty() {
    let mut whole = trainer(network(), data(), plan());
    let wanted = bits(&mut whole, 60);
    assert!(whole.done());

    let mut first = trainer(network(), data(), plan());
    let mut found = bits(&mut first, 30);
    // Thirty is in the middle of an epoch: 32 examples are 4 batches of 9.
    assert_ne!(first.progress().fed, 0);
    let bytes = weights(&first).to_bytes().unwrap();
    drop(first);
    let mut second = trainer(network(), data(), plan());
    let mark = second.resume(&Checkpoint::from_bytes(&bytes).unwrap()).unwrap();
    assert_eq!((mark.kind, mark.step), (MarkKind::Checkpoint, 30));
    found.extend(bits(&mut second, 30));
    assert_eq!(wanted, found);
    assert_eq!(weights(&whole), weights(&second));
    // And back again, in the same trainer.
    second.resume(&Checkpoint::from_bytes(&bytes).unwrap()).unwrap();
    assert_eq!(wanted[30..], bits(&mut second, 30));

    let other = Plan { seed: 12, ..plan() };
    assert_ne!(wanted[..5], bits(&mut trainer(network(), data(), other), 5));
}

#[test]
fn bytes_that_are_no_checkpoint_are_refused() {
    let mut trainer = trainer(network(), data(), plan());
    step(&mut trainer);
    let bytes = weights(&trainer).to_bytes().unwrap();
    let refused = |bytes: &[u8]| Checkpoint::from_bytes(bytes).unwrap_err();
    assert!(refused(b"").contains("safetensors"));
    assert!(refused(&[0xff; 64]).contains("safetensors"));
    assert!(refused(&bytes[..bytes.len() - 1]).contains("checksum"));
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(refused(&damaged).contains("checksum"));
    let version = b"version = ";
    let at = bytes.windows(version.len()).position(|w| w == version).unwrap() + version.len();
    let mut later = bytes.clone();
    later[at] = b'7';
    assert!(refused(&later).contains("version 1 was expected, 7 found"));
    // Every cut ends in an error, none in a panic.
    for end in (0..bytes.len()).step_by(97) {
        refused(&bytes[..end]);
    }
    // A whole one of another network.
    let other = super::trainer(nets::net(), data(), plan());
    let (mut other, of) = (other, Checkpoint::from_bytes(&bytes).unwrap());
    other.resume(&of).unwrap();
    let mut vae = Plan {
        loss: Loss::Mse {},
        ..plan()
    };
    vae.augmentation = Augmentation::default();
    let mut other = super::trainer(nets::net(), nets::values(), vae);
    assert!(
        other
            .resume(&of)
            .unwrap_err()
            .to_string()
            .contains("another loss")
    );
}

#[test]
fn what_is_changed_mid_run_holds_and_is_marked() {
    let plan = Plan {
        steps: None,
        epochs: 100,
        schedule: Schedule::Constant,
        augmentation: Augmentation::default(),
        learning_rate: 0.01,
        batch: 7,
        ..plan()
    };
    let mut trainer = trainer(nets::net(), data(), plan);
    bits(&mut trainer, 3);
    let tensor = |trainer: &Trainer, name: &str| {
        let all = weights(trainer).weights;
        all.into_iter().find(|(n, _)| n == name).unwrap().1
    };
    let marked = |trainer: &mut Trainer, change: Change| {
        let mark = trainer.change(&change).unwrap();
        assert_eq!((mark.kind, mark.step), (MarkKind::Intervention, 3));
        mark.text
    };
    assert_eq!(
        marked(&mut trainer, Change::LearningRate(0.002)),
        "learning rate 0.01 to 0.002"
    );
    assert_eq!(marked(&mut trainer, Change::Batch(16)), "batch 7 to 16");
    assert_eq!(
        marked(&mut trainer, Change::Optimizer(Optimizer::Sgd {})),
        "AdamW to SGD"
    );
    assert_eq!(
        marked(&mut trainer, Change::Freeze("conv".into())),
        "conv frozen, 1 parameter"
    );
    let (conv, linear) = (tensor(&trainer, "conv.weight"), tensor(&trainer, "linear.weight"));
    let one = step(&mut trainer);
    assert_eq!(one.learning_rate, 0.002);
    // 21 of 32 examples had been fed; the epoch ends with what is left.
    assert_eq!((trainer.progress().fed, trainer.progress().epoch), (0, 1));
    assert_eq!(conv, tensor(&trainer, "conv.weight"));
    assert_ne!(linear, tensor(&trainer, "linear.weight"));
    trainer.change(&Change::Unfreeze("conv".into())).unwrap();
    step(&mut trainer);
    assert_ne!(conv, tensor(&trainer, "conv.weight"));
    // A frozen network resumes frozen.
    trainer.change(&Change::Freeze("linear".into())).unwrap();
    let kept = weights(&trainer);
    let wanted = bits(&mut trainer, 4);
    trainer.change(&Change::Unfreeze("linear".into())).unwrap();
    bits(&mut trainer, 2);
    trainer.resume(&kept).unwrap();
    assert_eq!(wanted, bits(&mut trainer, 4));

    let refused = |trainer: &mut Trainer, change: Change| trainer.change(&change).unwrap_err().to_string();
    let names = refused(&mut trainer, Change::Freeze("lin".into()));
    assert!(names.contains("linear.weight"), "{names}");
    assert!(refused(&mut trainer, Change::Batch(0)).contains("batch is 0"));
    assert!(refused(&mut trainer, Change::LearningRate(f64::NAN)).contains("learning_rate is NaN"));
    trainer.change(&Change::Freeze("conv".into())).unwrap();
    let last = refused(&mut trainer, Change::Freeze("norm".into()));
    assert!(last.contains("nothing would learn"), "{last}");
    assert_eq!(steps(&mut trainer).last().map(|s| s.done), Some(true));
}
