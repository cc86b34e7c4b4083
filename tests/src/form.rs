//! A form that brings a file, as browsers send it (RFC 7578).

const BOUNDARY: &str = "rosehip-tests-boundary";

/// A form with fields and perhaps a file.
#[derive(Debug, Clone, Default)]
pub struct FileForm(Vec<u8>);

impl FileForm {
    /// The same form with one more field.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), value.as_bytes())
    }

    /// The same form with a file, whose name and type say nothing true of it.
    #[must_use]
    pub fn file(self, bytes: &[u8]) -> Self {
        self.part("name=\"file\"; filename=\"holiday.exe\"\r\nContent-Type: text/html", bytes)
    }

    fn part(mut self, disposition: &str, value: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// Puts the form into a request.
    pub fn into_request(mut self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        request.header(reqwest::header::CONTENT_TYPE, content_type).body(self.0)
    }
}
