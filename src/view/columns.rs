//! Which columns a list has, which of them there is room for, and how wide each is.
//!
//! They fall away from the least needed as the room shrinks; the name and the reason stay.

use crate::{
    command::ViewKind,
    tree::SortBy,
    view::{cells::Col, list::GAP},
};

/// One column: what it needs before it is shown, and how wide it is.
pub struct Spec {
    pub col: Col,
    pub title: &'static str,
    /// What `shift-o` sorts by where this column is chosen; `None` where it cannot be.
    pub sort: Option<SortBy>,
    /// Room that the list must have for this column to be there.
    from: usize,
    size: Size,
}

#[derive(Clone, Copy)]
enum Size {
    Fixed(usize),
    /// A share of what the fixed ones leave.
    Share(usize),
}

/// What the list has room for, with the width of each.
pub fn columns(view: ViewKind, room: usize) -> Vec<(Spec, usize)> {
    let specs: Vec<Spec> = specs(view, room).into_iter().filter(|it| it.from <= room).collect();
    let gaps = GAP * specs.len().saturating_sub(1);
    let mut left = room.saturating_sub(gaps);
    let mut shares = 0;
    for it in &specs {
        match it.size {
            Size::Fixed(n) => left = left.saturating_sub(n),
            Size::Share(n) => shares += n,
        }
    }
    let shared = left;
    let mut res: Vec<(Spec, usize)> = Vec::with_capacity(specs.len());
    for spec in specs {
        let width = match spec.size {
            Size::Fixed(n) => n,
            Size::Share(n) => {
                let it = shared * n / shares.max(1);
                left = left.saturating_sub(it);
                it
            }
        };
        res.push((spec, width));
    }
    // What rounding left goes to the name.
    if let Some((_, width)) = res.iter_mut().find(|(it, _)| matches!(it.size, Size::Share(_))) {
        *width += left;
    }
    res
}

/// Every column of a view, for a file.
pub fn all(view: ViewKind) -> Vec<Spec> {
    specs(view, usize::MAX)
}

fn specs(view: ViewKind, room: usize) -> Vec<Spec> {
    let spec = |col, title, sort, from, size| Spec { col, title, sort, from, size };
    let by = Some;
    // The reason is a sentence where there is room for one, else a code, else a word, else a badge.
    let why = match room {
        ..48 => Size::Fixed(10),
        48..72 => Size::Fixed(13),
        72..84 => Size::Fixed(16),
        84.. => Size::Share(6),
    };
    match view {
        ViewKind::Identities => vec![
            spec(Col::Name, "NAME", by(SortBy::Name), 0, Size::Share(5)),
            spec(Col::Via, "VIA", by(SortBy::Via), 56, Size::Fixed(6)),
            spec(Col::Role, "ROLE", by(SortBy::Role), 44, Size::Share(4)),
            spec(Col::Pods, "PODS", by(SortBy::Pods), 50, Size::Fixed(6)),
            spec(Col::Age, "AGE", by(SortBy::Age), 96, Size::Fixed(4)),
            spec(Col::Code, "CODE", None, 120, Size::Fixed(14)),
            spec(Col::Why, "WHY", by(SortBy::Status), 0, why),
        ],
        ViewKind::Pods => vec![
            spec(Col::Name, "NAME", by(SortBy::Name), 0, Size::Share(5)),
            spec(Col::Account, "ACCOUNT", by(SortBy::Account), 76, Size::Share(2)),
            spec(Col::Ends, "ENDS WITH", by(SortBy::Ends), 40, Size::Share(4)),
            spec(Col::Owner, "OWNER", None, 130, Size::Share(3)),
            spec(Col::Node, "NODE", None, 110, Size::Share(2)),
            spec(Col::Age, "AGE", by(SortBy::Age), 56, Size::Fixed(4)),
            spec(Col::Code, "CODE", None, 130, Size::Fixed(14)),
            spec(Col::Why, "WHY", by(SortBy::Status), 0, why),
        ],
        ViewKind::Roles => vec![
            spec(Col::Name, "ROLE", by(SortBy::Name), 0, Size::Share(4)),
            spec(Col::May, "MAY BE ASSUMED BY", by(SortBy::May), 60, Size::Share(4)),
            spec(Col::ConfiguredBy, "CONFIGURED BY", by(SortBy::Users), 44, Size::Share(4)),
            spec(Col::LastUsed, "LAST USED*", by(SortBy::LastUsed), 76, Size::Fixed(11)),
            spec(Col::Arn, "ARN", None, 150, Size::Share(6)),
            spec(
                Col::Why,
                "VERDICT",
                by(SortBy::Status),
                0,
                if room < 48 { Size::Fixed(12) } else { Size::Fixed(20) },
            ),
        ],
        ViewKind::Associations => vec![
            spec(Col::Name, "SERVICE ACCOUNT", by(SortBy::Name), 0, Size::Share(4)),
            spec(Col::Role, "ROLE", by(SortBy::Role), 38, Size::Share(3)),
            spec(Col::Target, "TARGET", None, 76, Size::Share(3)),
            spec(Col::Id, "ID", None, 120, Size::Share(3)),
            spec(Col::Age, "AGE", by(SortBy::Age), 56, Size::Fixed(4)),
            spec(Col::Why, "WHY", by(SortBy::Status), 0, why),
        ],
        ViewKind::Providers => vec![
            spec(Col::Name, "ISSUER", by(SortBy::Name), 0, Size::Share(5)),
            spec(Col::Clients, "AUDIENCES", None, 50, Size::Share(2)),
            spec(Col::Age, "AGE", by(SortBy::Age), 70, Size::Fixed(4)),
            spec(Col::Why, "WHY", by(SortBy::Status), 0, why),
        ],
        ViewKind::Findings => vec![
            spec(
                Col::Name,
                "SEVERITY",
                by(SortBy::Status),
                0,
                Size::Fixed(if room < 50 { 4 } else { 12 }),
            ),
            spec(Col::Code, "CODE", by(SortBy::Code), 84, Size::Fixed(14)),
            spec(Col::Cause, "CAUSE", by(SortBy::Name), 0, Size::Share(5)),
            spec(Col::Affects, "AFFECTS", by(SortBy::Affects), 50, Size::Fixed(15)),
            spec(Col::Repair, "FIX", None, 100, Size::Share(3)),
        ],
        ViewKind::Namespaces => vec![
            spec(Col::Digit, "KEY", None, 30, Size::Fixed(3)),
            spec(Col::Name, "NAME", by(SortBy::Name), 0, Size::Share(3)),
            spec(Col::Count, "ACCOUNTS", by(SortBy::Accounts), 40, Size::Fixed(9)),
            spec(Col::Age, "AGE", by(SortBy::Age), 50, Size::Fixed(4)),
            spec(Col::Why, "WHY", by(SortBy::Status), 0, Size::Share(3)),
        ],
        ViewKind::Contexts => vec![
            spec(Col::Name, "CONTEXT", by(SortBy::Name), 0, Size::Share(3)),
            spec(Col::ClusterName, "CLUSTER", None, 40, Size::Share(3)),
        ],
        ViewKind::Profiles => {
            vec![spec(Col::Name, "PROFILE", by(SortBy::Name), 0, Size::Share(1))]
        }
        ViewKind::Sources => vec![
            spec(Col::Name, "SOURCE", by(SortBy::Name), 0, Size::Share(5)),
            spec(Col::State, "STATE", None, 0, Size::Share(2)),
            spec(Col::Detail, "DETAIL", None, 50, Size::Share(4)),
        ],
        ViewKind::Aliases => vec![
            spec(Col::Name, "VIEW", by(SortBy::Name), 0, Size::Share(2)),
            spec(Col::Words, "ALSO", None, 40, Size::Share(4)),
            spec(Col::Detail, "WHAT IT SHOWS", None, 70, Size::Share(6)),
        ],
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        command::ViewKind,
        tree::SortBy,
        view::{
            cells::Col,
            columns::{all, columns},
            list::GAP,
        },
    };

    #[test]
    fn columns_fill_the_room_and_keep_name_and_reason() {
        for view in ViewKind::ALL {
            for room in [16, 20, 36, 40, 56, 60, 76, 96, 116, 196, 300] {
                let them = columns(view, room);
                let sum: usize = them.iter().map(|(_, it)| it).sum();
                assert_eq!(sum + GAP * (them.len() - 1), room, "{view:?} {room}");
                assert!(them.iter().any(|(it, _)| it.col == Col::Name), "{view:?} {room}");
                assert!(them.iter().all(|(_, it)| 2 < *it), "{view:?} {room}");
            }
        }
    }

    #[test]
    fn everything_that_can_be_sorted_by_has_a_column_or_a_name() {
        for view in ViewKind::ALL {
            let shown: Vec<SortBy> = all(view).iter().filter_map(|it| it.sort).collect();
            for it in SortBy::of(view) {
                // The namespace is in front of the name.
                assert!(shown.contains(it) || *it == SortBy::Namespace, "{view:?} {it:?}");
            }
        }
    }
}
