//! What happens, as it happens: the server's stream of events, opened by the part of a page that wants it and closed with it.

use leptos::prelude::*;
use proto::{EventKind, EventMessage};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent};

use super::{api, session};

/// How the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Nobody wants one.
    Idle,
    /// It is open.
    Live,
    /// It broke, and is being opened again.
    Lost,
}

#[derive(Clone, Copy)]
struct Shown(RwSignal<Wire>);

/// Makes known how the stream is.
pub(crate) fn begin() {
    provide_context(Shown(RwSignal::new(Wire::Idle)));
}

/// How the stream is.
pub(crate) fn wire() -> RwSignal<Wire> {
    expect_context::<Shown>().0
}

/// What is heard.
pub(crate) enum Heard {
    /// The stream is open, perhaps again: what is shown may be old.
    Opened,
    /// Something happened.
    Told(Box<EventMessage>),
}

/// A stream, closed when this is dropped.
struct Stream {
    source: EventSource,
    wire: RwSignal<Wire>,
    _open: Closure<dyn FnMut()>,
    _error: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.set_onopen(None);
        self.source.set_onerror(None);
        self.source.close();
        self.wire.try_set(Wire::Idle);
    }
}

/// Hears the events at a path (`/v1/events?…`) for as long as this part of the page lives; none while there is no path.
pub(crate) fn watch(path: impl Fn() -> Option<String> + 'static, heard: impl Fn(Heard) + Clone + 'static) {
    let wire = wire();
    let stream = StoredValue::new_local(None::<Stream>);
    Effect::new(move |before: Option<Option<String>>| {
        let path = path();
        if before.as_ref() != Some(&path) {
            stream.set_value(None);
            let opened = path.as_deref().and_then(|path| open(path, wire, heard.clone()));
            stream.set_value(opened);
        }
        path
    });
}

fn open(path: &str, wire: RwSignal<Wire>, heard: impl Fn(Heard) + Clone + 'static) -> Option<Stream> {
    let source = EventSource::new(path).ok()?;
    let on_open = heard.clone();
    let open = Closure::<dyn FnMut()>::new(move || {
        wire.try_set(Wire::Live);
        on_open(Heard::Opened);
    });
    let states = source.clone();
    let error = Closure::<dyn FnMut()>::new(move || {
        wire.try_set(Wire::Lost);
        // Browsers come back by themselves, except where they were refused: then it is asked why.
        if states.ready_state() == EventSource::CLOSED {
            leptos::task::spawn_local(async {
                let _ = api::get::<proto::Session>("/v1/queues?limit=1").await;
                let _ = api::get::<proto::Session>(session::PATH).await;
            });
        }
    });
    let message = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
        let text = message.data().as_string().unwrap_or_default();
        if let Ok(told) = serde_json::from_str(&text) {
            heard(Heard::Told(Box::new(told)));
        }
    });
    source.set_onopen(Some(open.as_ref().unchecked_ref()));
    source.set_onerror(Some(error.as_ref().unchecked_ref()));
    // Each kind has a name of its own in the stream.
    let names = EventKind::ALL.iter().map(|kind| kind.as_str()).chain(["missed"]);
    for name in names {
        let _ = source.add_event_listener_with_callback(name, message.as_ref().unchecked_ref());
    }
    Some(Stream {
        source,
        wire,
        _open: open,
        _error: error,
        _message: message,
    })
}

/// Does something soon after anything was heard.
pub(crate) fn follow(path: impl Fn() -> Option<String> + 'static, act: impl Fn() + 'static) {
    let soon = super::loaded::soon(act);
    let begun = std::rc::Rc::new(std::cell::Cell::new(false));
    watch(path, move |heard| {
        // The first opening comes with the page itself, which has just been read.
        let first = matches!(heard, Heard::Opened) && !begun.replace(true);
        if !first {
            soon();
        }
    });
}
