//! What AWS answers to a fresh token, beside the verdict.

use crate::{
    identity::probe::{Agreement, Answer},
    model::{Model, ProbeStage, Probing},
    report::probe as report,
    view::{Line, Tone, fix::Out},
};

pub fn title(it: &Probing) -> String {
    format!("probe of sa {}", it.ask.service_account)
}

pub fn probe(model: &Model, it: &Probing, room: usize) -> Vec<Line> {
    let mut out = Out { model, room, lines: Vec::new() };
    match &it.stage {
        ProbeStage::Shown | ProbeStage::Confirming(_) => {
            let question = report::question(&it.ask.way, &it.ask.service_account);
            out.text(0, Tone::Strong, "What AWS itself answers");
            out.blank();
            out.text(0, Tone::Plain, &format!("This {question}."));
            if it.stage == ProbeStage::Shown {
                out.blank();
                out.text(0, Tone::Muted, "p asks, once the name of the ServiceAccount was typed");
            }
        }
        ProbeStage::Asking => out.marked(0, ("◐", Tone::Info), Tone::Info, "asking …"),
        ProbeStage::Answered(page) => out.answered(page),
    }
    out.done()
}

impl Out<'_> {
    fn answered(&mut self, page: &report::Page) {
        let (glyph, tone) = match &page.probed.answer {
            Answer::Granted { .. } => ("✔", Tone::Success),
            Answer::Refused { .. } => ("✖", Tone::Error),
            Answer::NotKnown(_) => ("?", Tone::Unknown),
        };
        let (said, how) = match page.agreement() {
            Agreement::Agrees => ("AWS and idscope agree", Tone::Success),
            Agreement::Settles => ("AWS settles what could not be judged", Tone::Info),
            Agreement::Open => {
                ("AWS did not answer the question, so nothing is compared", Tone::Unknown)
            }
            Agreement::Differs(_) => ("AWS and idscope differ", Tone::WrongId),
        };
        self.marked(0, (glyph, tone), how, said);
        self.blank();
        // The rest is what `idscope probe` prints, and what c copies.
        for it in report::text(page).lines().filter(|it| *it != said) {
            self.text(0, Tone::Plain, it);
        }
    }
}
