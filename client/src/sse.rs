//! Server-sent events as they are written (HTML, section 9.2.6): from pieces of text to messages.

use std::time::Duration;

/// The longest message: an event has less than 2 KiB.
const MESSAGE_MAX: usize = 1 << 20;

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// The `id` in force, if there is one.
    pub(crate) id: Option<String>,
    /// The `event`; empty if none is named.
    pub(crate) event: String,
    /// The `data`.
    pub(crate) data: String,
}

/// Reads a stream piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The line that has not ended.
    line: Vec<u8>,
    /// Whether the last line ended in a carriage return: then a line feed belongs to it.
    after_return: bool,
    is_begun: bool,
    message: Message,
    has_data: bool,
    /// How long the server would have a client wait before it comes back.
    pub(crate) retry: Option<Duration>,
}

/// A message is longer than any of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Parser {
    /// The messages that this piece completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = vec![];
        for byte in piece {
            let ends_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if ends_return => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    messages.extend(self.end_line(&line));
                }
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.message.data.len() > MESSAGE_MAX {
                return Err(TooLong);
            }
        }
        Ok(messages)
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Message> {
        let line = String::from_utf8_lossy(line);
        let line = if std::mem::replace(&mut self.is_begun, true) {
            &*line
        } else {
            line.trim_start_matches('\u{feff}')
        };
        if line.is_empty() {
            return self.end_message();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.message.data.push('\n');
                }
                self.has_data = true;
                self.message.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.message.event),
            "id" if !value.contains('\0') => {
                self.message.id = Some(value.to_owned()).filter(|id| !id.is_empty());
            }
            "retry" => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let pause = value.parse().ok().filter(|_| digits).map(Duration::from_millis);
                self.retry = pause.or(self.retry);
            }
            // A comment, or what came later.
            _ => {}
        }
        None
    }

    fn end_message(&mut self) -> Option<Message> {
        let id = self.message.id.clone();
        let message = std::mem::replace(
            &mut self.message,
            Message {
                id,
                ..Message::default()
            },
        );
        std::mem::take(&mut self.has_data).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(id: Option<&str>, event: &str, data: &str) -> Message {
        Message {
            id: id.map(str::to_owned),
            event: event.to_owned(),
            data: data.to_owned(),
        }
    }

    const STREAM: &str = "\u{feff}retry: 2000\n\n:\n\nid: 1\nevent: a\ndata: {}\n\nevent:b\r\ndata:x\r\ndata\r\ndata:  y\r\n\r\n\
                          id\rdata: z\r\rretry: soon\nevent: none\n\nid: 9\ndata: \u{fc}\nother: 7\n\ndata: not ended\n";

    fn expected() -> Vec<Message> {
        vec![
            message(Some("1"), "a", "{}"),
            message(Some("1"), "b", "x\n\n y"),
            message(None, "", "z"),
            message(Some("9"), "", "\u{fc}"),
        ]
    }

    #[test]
    fn a_stream_is_its_messages() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(STREAM.as_bytes()).unwrap(), expected());
        assert_eq!(parser.retry, Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_message_has_a_bound() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; MESSAGE_MAX / 2];
        parser.push(b"data: ").unwrap();
        parser.push(&piece).unwrap();
        parser.push(b"\ndata: ").unwrap();
        assert_eq!(parser.push(&piece), Err(TooLong));
    }

    proptest! {
        #[test]
        fn however_it_is_cut(cuts in prop::collection::vec(0..STREAM.len(), 0..20)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let mut messages = vec![];
            for pair in cuts.windows(2) {
                messages.extend(parser.push(&STREAM.as_bytes()[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(messages, expected());
        }
    }
}
