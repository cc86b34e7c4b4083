//! A browser that is logged in: it keeps its cookie and reads the fields of forms.

use reqwest::{Method, header};

use crate::{Answer, Client, FileForm, Host};

/// Someone at a browser.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    cookie: String,
}

impl Browser {
    /// A new editor who has logged in, with the token that forms must carry.
    pub async fn of_an_editor(host: &Host) -> (Self, String) {
        Self::of(host, "edith", "editor").await
    }

    /// A new user who has logged in and may write, with the token that forms must carry.
    pub async fn of(host: &Host, name: &str, role: &str) -> (Self, String) {
        host.add_user(name, role);
        Self::again(host, name).await
    }

    /// A user that there is, who logs in once more.
    pub async fn again(host: &Host, name: &str) -> (Self, String) {
        let client = host.client().stranger();
        let form = client.page("/login").await;
        let mut browser = Self { client, cookie: cookie(&form) };
        let csrf = field(&form.text, "csrf");
        let answer = browser.submit("/login", &[("csrf", &csrf), ("name", name), ("password", "correct horse")]).await;
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        browser.cookie = cookie(&answer);
        let csrf = field(&browser.open("/account").await.text, "csrf");
        (browser, csrf)
    }

    /// Opens a page.
    pub async fn open(&self, path: &str) -> Answer {
        let request = self.client.request(Method::GET, path).header(header::ACCEPT, "text/html");
        self.client.send(request.header(header::COOKIE, &self.cookie)).await
    }

    /// Sends a form that brings a file.
    pub async fn submit_file(&self, path: &str, form: FileForm) -> Answer {
        let request = self.client.request(Method::POST, path).header(header::ACCEPT, "text/html");
        self.client.send(form.into_request(request.header(header::COOKIE, &self.cookie))).await
    }

    /// Sends a form.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.client.request(Method::POST, path).header(header::ACCEPT, "text/html");
        self.client.send(request.header(header::COOKIE, &self.cookie).form(fields)).await
    }
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// The value of a form's field.
fn field(page: &str, name: &str) -> String {
    let place = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name} in {page}"));
    let start = page[..place].rfind('<').expect("a tag");
    let tag = &page[start..start + page[start..].find('>').expect("its end")];
    let value = tag.split("value=\"").nth(1).expect("a value");
    value.split('"').next().expect("its end").to_owned()
}
