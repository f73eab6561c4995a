//! A user of the hub: a token, REST, and doors to both sockets.

use std::time::Duration;

use chat_loadtest::client::{Client, ConnectOptions, Credentials, Error};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::device::Device;
use super::hub::Place;

/// A user with a token.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: u64,
    pub token: String,
    place: Place,
    base: String,
    http: reqwest::Client,
}

/// An answer that is no JSON.
#[derive(Debug)]
pub struct Fetched {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Fetched {
    /// Returns a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text"))
    }
}

/// An answer of REST.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null if there is none, or if it is not JSON.
    pub body: Value,
    pub text: String,
    asked: String,
}

impl Person {
    pub fn new(id: u64, token: String, place: Place, base: String, http: reqwest::Client) -> Self {
        Self { id, token, place, base, http }
    }

    /// Connects to `/chat`, and is greeted.
    pub async fn connect(&self) -> Device {
        self.connect_with(|_| {}).await
    }

    /// Connects to `/chat` in another way than by a header.
    pub async fn connect_with(&self, change: impl FnOnce(&mut ConnectOptions)) -> Device {
        let mut device = self.opens(change).await.unwrap_or_else(|error| panic!("{} cannot connect: {error}", self.id));
        device.is_greeted().await;
        device
    }

    /// Connects to `/chat` with a cursor, and hears what was missed.
    pub async fn resumes(&self, cursor: &str) -> Device {
        self.connect_with(|door| door.cursor = Some(cursor.to_owned())).await
    }

    /// Connects to `/notifications`, and is greeted.
    pub async fn listens(&self) -> Device {
        let path = format!("{}/notifications", self.base);
        self.connect_with(|door| door.path = path).await
    }

    /// Connects to `/notifications` with a cursor, and hears what was missed.
    pub async fn listens_from(&self, cursor: &str) -> Device {
        let path = format!("{}/notifications", self.base);
        self.connect_with(|door| (door.path, door.cursor) = (path, Some(cursor.to_owned()))).await
    }

    /// Opens a socket without waiting for anything to be said.
    pub async fn opens(&self, change: impl FnOnce(&mut ConnectOptions)) -> Result<Device, Error> {
        let mut door = self.door();
        change(&mut door);
        let client = super::in_time("the upgrade", Client::connect(&door)).await?;
        Ok(Device::new(self.id, client))
    }

    /// Returns the door to `/chat` with the token in the header.
    pub fn door(&self) -> ConnectOptions {
        let mut door = ConnectOptions::new(self.place.now(), self.token.clone());
        door.path = format!("{}/chat", self.base);
        door
    }

    /// Asks for an upgrade as plain HTTP, to see how it is refused. 101 if it is not.
    pub async fn knocks(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request(Method::GET, path);
        for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")] {
            request = request.header(name, value);
        }
        request = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let knock = request.build().expect("a request");
        let asked = format!("GET {path} (upgrade)");
        let response = self.http.execute(knock).await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        if response.status() == 101 {
            return Answer {
                status: 101,
                headers: response.headers().clone(),
                body: Value::Null,
                text: String::new(),
                asked,
            };
        }
        read(asked, response).await
    }

    /// Asks with the person's token.
    pub fn ask(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request(method, path).bearer_auth(&self.token)
    }

    /// Asks without saying who it is.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://{}{}{path}", self.place.now(), self.base))
    }

    /// Fetches what is under a link, as it stands in a message, without saying who it is but by these headers.
    pub async fn fetch(&self, link: &str, headers: &[(&str, &str)]) -> Fetched {
        let url = if link.starts_with("http") { link.to_owned() } else { format!("http://{}{link}", self.place.now()) };
        let mut request = self.http.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{link}: {error}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap_or_else(|error| panic!("{link}: {error}")).to_vec();
        Fetched { status, headers, bytes }
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.ask(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.ask(Method::POST, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        answer(self.ask(Method::PUT, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        answer(self.ask(Method::PATCH, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.ask(Method::DELETE, path)).await
    }

    /// Returns a fresh ticket.
    pub async fn ticket(&self) -> String {
        let body = self.post("/chat/ticket", &json!({})).await.is(200);
        body["ticket"].as_str().unwrap_or_else(|| panic!("no ticket in {body}")).to_owned()
    }

    /// Reads the whole history with another person, page by page, ascending.
    pub async fn history_with(&self, other: &Person) -> Vec<Value> {
        let mut messages: Vec<Value> = Vec::new();
        loop {
            let after = messages.last().map_or(0, |message| number(message, "seq"));
            let page = self.get(&format!("/chat/messages?with={}&after_seq={after}&limit=200", other.id)).await.is(200);
            messages.extend(array(&page, "messages").iter().cloned());
            if page["has_more"] != true {
                return messages;
            }
        }
    }

    /// Returns the thread with another person, as the inbox shows it.
    pub async fn thread_with(&self, other: &Person) -> Value {
        let page = self.get("/chat/threads?limit=100").await.is(200);
        let threads = array(&page, "threads");
        let found = threads.iter().find(|thread| thread["other_user_id"] == other.id);
        found.unwrap_or_else(|| panic!("{} has no thread with {} in {page}", self.id, other.id)).clone()
    }
}

impl Answer {
    /// Returns the body of an answer that must have this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} answered {} {}", self.asked, self.status, self.text);
        self.body
    }

    /// Holds a refusal against its status and its code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let said = (self.status, self.code());
        assert_eq!(said, (status, Some(code)), "{} answered {} {}", self.asked, self.status, self.text);
        let error = &self.body["error"];
        let temporary = matches!(self.status, 429 | 500 | 503);
        assert_eq!(error["temporary"], temporary, "{}: {}", self.asked, self.text);
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{}: {}", self.asked, self.text);
        if matches!(self.status, 429 | 503) {
            assert!(self.headers.contains_key("retry-after"), "{} without Retry-After", self.asked);
        }
    }

    /// Returns the error's code.
    pub fn code(&self) -> Option<&str> {
        self.body["error"]["code"].as_str()
    }
}

/// Sends a request and reads the whole answer.
pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.expect("a request");
    let asked = format!("{} {}", request.method(), request.url().path());
    let sending = tokio::time::timeout(Duration::from_secs(60), client.execute(request)).await;
    let response =
        sending.unwrap_or_else(|_| panic!("{asked}: no answer")).unwrap_or_else(|error| panic!("{asked}: {error:?}"));
    read(asked, response).await
}

async fn read(asked: String, response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap_or_else(|error| panic!("{asked}: {error}"));
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text, asked }
}

/// Returns a number of an object that must have it.
#[track_caller]
pub fn number(object: &Value, name: &str) -> u64 {
    object[name].as_u64().unwrap_or_else(|| panic!("no number {name:?} in {object}"))
}

/// Returns a text of an object that must have it.
#[track_caller]
pub fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_else(|| panic!("no text {name:?} in {object}"))
}

/// Returns a list of an object that must have it.
#[track_caller]
pub fn array<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object[name].as_array().unwrap_or_else(|| panic!("no list {name:?} in {object}"))
}
