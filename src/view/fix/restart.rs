//! What a plan's page says of restarts: which belong to it, which are offered, which are not made and why.

use crate::{
    model::Proposed,
    plan::Turnover,
    view::{Tone, fix::Out, words::count},
};

impl Out<'_> {
    pub(in crate::view::fix) fn restart(&mut self, it: &Proposed) {
        let own = it.as_plan().map_or(&[][..], |it| &it.turnovers);
        let is_own = |key: &crate::plan::WorkloadKey| own.iter().any(|it| it.workload == *key);
        if !own.is_empty() {
            let text = match own {
                [one] => format!("this plan makes the pods of {} anew", one.workload),
                _ => "this plan makes their pods anew; the first goes alone, the others once its pods are Ready:"
                    .to_owned(),
            };
            self.labelled("restart", Tone::Warning, &text);
            for it in own {
                self.turnover(it, 1 < own.len());
            }
        }
        let offered: Vec<_> =
            it.restarts.offered.iter().filter(|it| !is_own(&it.workload)).collect();
        if !offered.is_empty() {
            let label = if own.is_empty() { "restart" } else { "" };
            let text = "needed: what runs keeps what it has until it is made again";
            self.labelled(label, Tone::Warning, text);
            for it in &offered {
                let text = format!("{} ({})", it.workload, count(it.pods, "pod"));
                self.labelled("", Tone::Plain, &text);
                self.turnover(&it.turnover, false);
                if let Some(why) = it.turnover.interrupts() {
                    self.labelled("", Tone::Warning, &why);
                }
            }
            if self.model.read_only().is_none() {
                let text = match offered.len() {
                    1 => "r makes it part of the plan",
                    _ => {
                        "r makes them part of the plan: the first goes alone, the others once its pods are Ready"
                    }
                };
                self.labelled("", Tone::Muted, text);
            }
        }
        if offered.is_empty() && own.is_empty() {
            let text = if it.restarts.refused.is_empty() {
                "not needed: the SDK asks again"
            } else {
                "nothing is restarted"
            };
            self.labelled("restart", Tone::Muted, text);
        }
        // The notes of a goal say it already.
        for why in it.restarts.refused.iter().filter(|why| !it.offer.notes.contains(why)) {
            self.labelled("", Tone::Warning, why);
        }
    }

    /// How the pods of one workload are made anew; named where there are several.
    fn turnover(&mut self, it: &Turnover, is_named: bool) {
        let text = match is_named {
            true => format!("{}: {}", it.workload, it.describe()),
            false => it.describe(),
        };
        self.labelled("", Tone::Plain, &text);
    }
}
