//! The terminal while it is ours: taken, given back, and given back whatever happens.

use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute, queue,
    style::Print,
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
        LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
    },
};
use ratatui::{Terminal, backend::CrosstermBackend, buffer::Buffer};
use std::{
    io::{self, Stdout, Write},
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Whether the terminal is in our hands; what gives it back may run twice, from a panic and from `Drop`.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Clicks and the wheel, in the form that knows large screens. Not motion: nobody asks for it, and it floods.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// The screen in our hands. Dropping it gives it back.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    dirty: bool,
    mouse: bool,
}

impl Screen {
    pub fn enter(mouse: bool) -> io::Result<Screen> {
        take(mouse)?;
        match Terminal::new(CrosstermBackend::new(io::stdout())) {
            Ok(terminal) => Ok(Screen { terminal, dirty: true, mouse }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    pub fn size(&self) -> io::Result<(u16, u16)> {
        let it = self.terminal.size()?;
        Ok((it.width, it.height))
    }

    /// The next frame is drawn in full.
    pub fn resized(&mut self) {
        self.dirty = true;
    }

    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// For a program that needs the terminal itself.
    pub fn leave(&mut self) {
        give_back();
    }

    pub fn come_back(&mut self) -> io::Result<()> {
        take(self.mouse)?;
        execute!(io::stdout(), Clear(ClearType::All))?;
        // One that remembers nothing draws everything; `Terminal::clear` would ask where the cursor is and wait.
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        self.dirty = true;
        Ok(())
    }

    /// Takes the mouse, or leaves it to the terminal, which then selects text.
    pub fn listen_to_mouse(&mut self, on: bool) {
        self.mouse = on;
        let _ = execute!(io::stdout(), Print(if on { MOUSE_ON } else { MOUSE_OFF }));
    }

    pub fn draw(
        &mut self,
        paint: impl FnOnce(&mut Buffer),
        cursor: Option<(u16, u16)>,
    ) -> io::Result<()> {
        // A terminal that knows synchronised output shows whole frames only.
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        let res = self.terminal.draw(|frame| {
            paint(frame.buffer_mut());
            if let Some(at) = cursor {
                frame.set_cursor_position(at);
            }
        });
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        self.dirty = false;
        res.map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let res = execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        Hide,
        SetTitle("idscope"),
        Print(if mouse { MOUSE_ON } else { "" })
    );
    if res.is_err() {
        give_back();
    }
    res
}

/// Once, and past every error: whatever can be put back is put back.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = queue!(
        out,
        EndSynchronizedUpdate,
        Print(MOUSE_OFF),
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    let _ = out.flush();
    let _ = disable_raw_mode();
}

type PanicHook = Box<dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync + 'static>;

/// Our panic hook while it is installed; dropping it puts the old one back.
pub struct Hook {
    before: Arc<PanicHook>,
}

impl Hook {
    /// A panic of this thread gives the terminal back and is told as always; one of another thread, whose task alone
    /// it ends, is told to `report` instead.
    pub fn install(report: impl Fn(String) + Send + Sync + 'static) -> Hook {
        let before: Arc<PanicHook> = Arc::new(panic::take_hook());
        let old = before.clone();
        let ours = thread::current().id();
        panic::set_hook(Box::new(move |info| {
            let text = first_line(info);
            tracing::error!("panicked: {text}");
            if thread::current().id() == ours || !TAKEN.load(Ordering::SeqCst) {
                give_back();
                old(info);
            } else {
                report(text);
            }
        }));
        Hook { before }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        // While a thread panics the hook must not be changed.
        if !thread::panicking() {
            let before = self.before.clone();
            panic::set_hook(Box::new(move |info| before(info)));
        }
    }
}

fn first_line(info: &panic::PanicHookInfo<'_>) -> String {
    let text = info.payload_as_str().unwrap_or("no message");
    let line = text.lines().next().unwrap_or_default();
    match info.location() {
        Some(at) => format!("{line} ({}:{})", at.file(), at.line()),
        None => line.to_owned(),
    }
}
