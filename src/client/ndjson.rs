//! Lines of a file, gathered into batches.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest line: the largest payload that a server may be configured to take, in base64 and with room for the rest.
pub(super) const LINE_MAX: usize = 96 << 20;

/// One line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// Without its line feed.
    pub(super) text: Vec<u8>,
}

/// Some lines, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// The lines.
    pub(super) lines: Vec<Line>,
    /// How far the file was read for it, in bytes.
    pub(super) read: u64,
}

/// Reads lines, and counts them.
#[derive(Debug)]
pub(super) struct Reader<R> {
    input: R,
    number: u64,
    read: u64,
    most_lines: usize,
    most_bytes: usize,
    /// Read already, and too much for the batch before.
    left: Option<Line>,
}

impl<R: AsyncBufRead + Unpin> Reader<R> {
    /// Gathers so many lines at most, of so many bytes together unless a single one has more.
    pub(super) fn new(input: R, most_lines: usize, most_bytes: usize) -> Self {
        Self {
            input,
            number: 0,
            read: 0,
            most_lines,
            most_bytes,
            left: None,
        }
    }

    /// Passes over the lines before this one.
    pub(super) async fn skip_to(&mut self, number: u64) -> io::Result<()> {
        while self.number + 1 < number && self.line().await?.is_some() {}
        Ok(())
    }

    /// The next batch; `None` at the end.
    pub(super) async fn batch(&mut self) -> io::Result<Option<Batch>> {
        let mut lines: Vec<Line> = vec![];
        let mut bytes = 0;
        while lines.len() < self.most_lines {
            let next = match self.left.take() {
                Some(line) => Some(line),
                None => self.line().await?,
            };
            let Some(line) = next else { break };
            if line.text.trim_ascii().is_empty() {
                continue;
            }
            if !lines.is_empty() && bytes + line.text.len() > self.most_bytes {
                self.left = Some(line);
                break;
            }
            bytes += line.text.len();
            lines.push(line);
        }
        let read = self.read;
        Ok((!lines.is_empty()).then_some(Batch { lines, read }))
    }

    async fn line(&mut self) -> io::Result<Option<Line>> {
        let mut text = vec![];
        let most = LINE_MAX as u64 + 1;
        let read = (&mut self.input).take(most).read_until(b'\n', &mut text).await?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.read += read as u64;
        if text.len() > LINE_MAX {
            let wrong = format!(
                "line {} is longer than {} MiB: is it NDJSON?",
                self.number,
                LINE_MAX >> 20
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, wrong));
        }
        if text.last() == Some(&b'\n') {
            text.pop();
        }
        let number = self.number;
        Ok(Some(Line { number, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn batches(
        text: &str,
        most_lines: usize,
        most_bytes: usize,
        from: u64,
    ) -> Vec<(Vec<(u64, String)>, u64)> {
        let mut reader = Reader::new(text.as_bytes(), most_lines, most_bytes);
        reader.skip_to(from).await.unwrap();
        let mut all = vec![];
        while let Some(batch) = reader.batch().await.unwrap() {
            let lines = batch.lines.into_iter();
            let lines = lines.map(|line| (line.number, String::from_utf8(line.text).unwrap()));
            all.push((lines.collect(), batch.read));
        }
        all
    }

    fn numbers(all: &[(Vec<(u64, String)>, u64)]) -> Vec<Vec<u64>> {
        let of = |lines: &Vec<(u64, String)>| lines.iter().map(|line| line.0).collect();
        all.iter().map(|(lines, _)| of(lines)).collect()
    }

    #[tokio::test]
    async fn lines_keep_their_numbers_and_blank_ones_are_passed_over() {
        let text = "a\n\n  \nb\r\nc";
        let all = batches(text, 10, 100, 1).await;
        let expected = [(1, "a"), (4, "b\r"), (5, "c")].map(|(number, text)| (number, text.to_owned()));
        assert_eq!(all, [(expected.to_vec(), text.len() as u64)]);
        assert!(batches("\n\n", 10, 100, 1).await.is_empty());
        assert!(batches("", 10, 100, 1).await.is_empty());
    }

    #[tokio::test]
    async fn batches_are_bounded_in_lines_and_bytes() {
        let text = "aaaa\nbb\ncc\nd\neeeeeeeeee\nf\n";
        assert_eq!(
            numbers(&batches(text, 2, 100, 1).await),
            [vec![1, 2], vec![3, 4], vec![5, 6]]
        );
        assert_eq!(
            numbers(&batches(text, 9, 5, 1).await),
            [vec![1], vec![2, 3, 4], vec![5], vec![6]]
        );
    }

    #[tokio::test]
    async fn one_can_go_on_at_a_line() {
        assert_eq!(numbers(&batches("a\nb\n\nc\n", 9, 9, 2).await), [vec![2, 4]]);
        assert_eq!(numbers(&batches("a\nb\n\nc\n", 9, 9, 3).await), [vec![4]]);
        assert!(batches("a\nb\n", 9, 9, 7).await.is_empty());
    }
}
