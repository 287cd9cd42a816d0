//! Which pane gets which part of the terminal. Numbers only.

use crate::{command::ViewKind, model::Model, view::Rect};

/// Smaller than this nothing can be said.
const LEAST: (u16, u16) = (20, 5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub header: Option<Rect>,
    pub banner: Option<Rect>,
    pub list: Rect,
    pub details: Option<Rect>,
    /// List and details together.
    pub page: Rect,
    pub footer: Rect,
}

/// `None` when the terminal is too small.
pub fn layout(model: &Model) -> Option<Layout> {
    let has_banner = !model.troubles().is_empty();
    let need = match model.screen().view() {
        _ if model.is_wide() => Need::All,
        ViewKind::Findings | ViewKind::Roles => Need::Wide,
        ViewKind::Identities
        | ViewKind::Pods
        | ViewKind::Associations
        | ViewKind::Providers
        | ViewKind::Namespaces
        | ViewKind::Contexts
        | ViewKind::Profiles
        | ViewKind::Sources
        | ViewKind::Aliases => Need::Narrow,
    };
    arrange(model.size(), need, model.is_header_hidden(), has_banner)
}

/// What the list asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Half a screen will do.
    Narrow,
    /// Its rows are sentences: the whole width while that is no more than one line's worth.
    Wide,
    /// The whole page.
    All,
}

/// Details beside the list from 100 columns on, below it from 60 on where there are lines to spare, else on a page.
fn arrange(
    (width, height): (u16, u16),
    need: Need,
    header_hidden: bool,
    has_banner: bool,
) -> Option<Layout> {
    if width < LEAST.0 || height < LEAST.1 {
        return None;
    }
    let row = |y: u16, height: u16| Rect { x: 0, y, width, height };
    let n_header = match (header_hidden, height) {
        (true, _) | (_, ..8) => 0,
        (false, 8..=24) => 1,
        (false, _) if width < 80 => 1,
        (false, _) => 2,
    };
    let n_banner = u16::from(has_banner && 10 <= height);
    let top = n_header + n_banner;
    let page = row(top, height - top - 1);
    let is_wide = need == Need::Wide && width < 200;
    let (list, details) = match (width, page.height) {
        (_, _) if need == Need::All => (page, None),
        (100.., 10..) if !is_wide || page.height < 24 => {
            // The list needs more: it has the columns.
            let list = Rect { width: width * 56 / 100, ..page };
            let details = Rect { x: list.width, width: width - list.width, ..page };
            (list, Some(details))
        }
        (60.., 24..) => {
            let list = Rect { height: page.height * 55 / 100, ..page };
            let below = Rect { y: page.y + list.height, height: page.height - list.height, ..page };
            (list, Some(below))
        }
        (_, _) => (page, None),
    };
    Some(Layout {
        header: (0 < n_header).then(|| row(0, n_header)),
        banner: (0 < n_banner).then(|| row(n_header, n_banner)),
        list,
        details,
        page,
        footer: row(height - 1, 1),
    })
}

/// The first visible row: as before where the selected one is in sight, else as little moved as possible.
pub fn window(top: usize, selected: usize, n_rows: usize, height: usize) -> usize {
    let height = height.max(1);
    let top = top.min(n_rows.saturating_sub(height));
    if selected < top {
        selected
    } else if top + height <= selected {
        selected + 1 - height
    } else {
        top
    }
}

#[cfg(test)]
mod tests {
    use crate::view::layout::{Need, arrange, window};
    use proptest::prelude::*;

    #[test]
    fn where_the_details_go() {
        let check_need = |size: (u16, u16), need: Need, expected: &str| {
            let got = match arrange(size, need, false, false) {
                None => "too small",
                Some(it) => match it.details {
                    None => "on a page",
                    Some(details) if details.x == 0 => "below",
                    Some(_) => "beside",
                },
            };
            assert_eq!(got, expected, "{size:?}");
        };
        let check = |size, expected| check_need(size, Need::Narrow, expected);
        check_need((120, 36), Need::Wide, "below");
        check_need((200, 50), Need::Wide, "beside");
        check_need((120, 24), Need::Wide, "beside");
        check_need((120, 36), Need::All, "on a page");
        check((120, 36), "beside");
        check((100, 24), "beside");
        check((99, 36), "below");
        check((80, 24), "on a page");
        check((60, 20), "on a page");
        check((59, 50), "on a page");
        check((40, 12), "on a page");
        check((19, 30), "too small");
        check((80, 4), "too small");
    }

    proptest! {
        #[test]
        fn panes_lie_inside_and_side_by_side(width in 0u16..300, height in 0u16..120, need in 0usize..3, hidden: bool, banner: bool) {
            let need = [Need::Narrow, Need::Wide, Need::All][need];
            let Some(it) = arrange((width, height), need, hidden, banner) else {
                prop_assert!(width < 20 || height < 5);
                return Ok(());
            };
            let rows = |it: Option<crate::view::Rect>| it.map_or(0, |it| it.height);
            prop_assert_eq!(rows(it.header) + rows(it.banner) + it.page.height + it.footer.height, height);
            prop_assert!(3 <= it.list.height && 20 <= it.list.width);
            if let Some(details) = it.details {
                let area = |it: crate::view::Rect| u32::from(it.width) * u32::from(it.height);
                prop_assert_eq!(area(it.list) + area(details), area(it.page));
            }
        }

        #[test]
        fn the_selected_row_is_in_sight(top in 0usize..50, selected in 0usize..40, more in 1usize..10, height in 1usize..20) {
            let n_rows = selected + more;
            let it = window(top, selected, n_rows, height);
            prop_assert!(it <= selected && selected < it + height);
            prop_assert!(it == 0 || it + height <= n_rows.max(selected + 1));
        }
    }
}
