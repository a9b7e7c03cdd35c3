//! Names of runs, and of the folders that hold them.

/// Longest name of a run and longest name of its folder, in bytes.
const LONGEST: usize = 200;

/// Why `name` cannot name a run; `None` where it can.
pub(super) fn objection(name: &str) -> Option<String> {
    let parts = || name.split('/');
    if name.is_empty() {
        Some("a run needs a name".into())
    } else if name.len() > LONGEST || folder(name).len() > LONGEST {
        Some(format!("at most {LONGEST} bytes are expected"))
    } else if let Some(c) = name.chars().find(|&c| c.is_control() || c == '\\' || bends(c)) {
        Some(format!("{:?} cannot stand in it", c))
    } else if name.starts_with('/') || name.ends_with('/') {
        Some("a / cannot stand first or last".into())
    } else if parts().any(|p| p.is_empty() || p == "." || p == "..") {
        Some("its parts cannot be empty, . or ..".into())
    } else {
        None
    }
}

/// Characters that change the direction of text, by which a name looks like another.
fn bends(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The folder of run `name`: the name itself, with `%` and two digits for each byte that is unsafe there.
pub(super) fn folder(name: &str) -> String {
    let mut out = String::new();
    let last = name.chars().count().saturating_sub(1);
    for (i, c) in name.chars().enumerate() {
        let edge = (i == 0 || i == last) && (c == '.' || c == ' ');
        let safe =
            c.is_ascii_alphanumeric() || "-_.+=,@() ".contains(c) || (!c.is_ascii() && !c.is_control());
        if safe && !edge {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for b in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{b:02X}"));
            }
        }
    }
    out
}

/// The run whose folder is called `folder`; `None` for a folder that no run has.
pub(super) fn run(name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    let run = String::from_utf8(bytes).ok()?;
    (objection(&run).is_none() && folder(&run) == name).then_some(run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "a\nb",
            "a\0",
            "\u{202e}gnp.a",
        ] {
            assert!(objection(name).is_some(), "{name:?}");
        }
        assert!(objection(&"n".repeat(201)).is_some());
        assert!(
            objection(&"/n".repeat(80)[1..]).is_some(),
            "its folder's name is too long"
        );
        for name in [
            "a",
            "sweep/lr 0.1",
            "..a",
            "ünder",
            "a%2Fb",
            "100 %",
            "C:",
            ".hidden",
            "x .",
        ] {
            assert_eq!(objection(name), None, "{name:?}");
            assert_eq!(run(&folder(name)).as_deref(), Some(name));
        }
        assert_eq!(folder("sweep/a"), "sweep%2Fa");
        assert_eq!(run("%zz"), None);
        assert_eq!(run("a%2fb"), None, "one run has one folder");
    }

    proptest! {
        #[test]
        fn a_folder_is_one_path_part_and_leads_back(name in "\\PC{1,40}") {
            prop_assume!(objection(&name).is_none());
            let folder = folder(&name);
            let path = std::path::Path::new(&folder);
            prop_assert_eq!(path.components().count(), 1);
            prop_assert!(matches!(path.components().next(), Some(std::path::Component::Normal(_))));
            prop_assert!(!folder.starts_with('.'));
            prop_assert_eq!(run(&folder), Some(name));
        }
    }
}
