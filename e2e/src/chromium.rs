//! A real browser without a window: Chromium, driven by its DevTools protocol. Its microphone is a file of sound; what a
//! page hears is measured in the page itself.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::{PATIENCE, eventually};

/// What every page has before its own scripts: its connections are kept, so that a test can listen to them.
const LISTENING: &str = r#"
    window.connections = [];
    const Connection = window.RTCPeerConnection;
    window.RTCPeerConnection = function (options = {}, ...words) {
        const way = window.onlyRelays ? { ...options, iceTransportPolicy: 'relay' } : options;
        const connection = new Connection(way, ...words);
        window.connections.push(connection);
        return connection;
    };
    window.RTCPeerConnection.prototype = Connection.prototype;
    // How its packets leave: the kind of its own end of the pair in use, and by what it reaches its relay.
    window.way = async () => {
        const found = await window.connections.at(-1)?.getStats();
        const stats = new Map(found ?? []);
        const transport = [...stats.values()].find((one) => one.type === 'transport');
        const own = stats.get(stats.get(transport?.selectedCandidatePairId)?.localCandidateId);
        return own ? `${own.candidateType} ${own.relayProtocol ?? '-'}` : 'none';
    };
    // What is heard now: levels in dB by frequency, and how far these are apart in Hz.
    window.spectrum = () => {
        const track = window.connections.flatMap((one) => one.getReceivers()).map((one) => one.track)
            .filter((one) => one.readyState === 'live').at(-1);
        if (!track) return [new Float32Array([-200]), 1];
        if (window.heard?.track !== track) {
            const context = new AudioContext();
            const analyser = context.createAnalyser();
            analyser.fftSize = 8192;
            analyser.smoothingTimeConstant = 0;
            context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
            window.heard = { track, context, analyser };
        }
        const { analyser, context } = window.heard;
        const levels = new Float32Array(analyser.frequencyBinCount);
        analyser.getFloatFrequencyData(levels);
        return [levels, context.sampleRate / analyser.fftSize];
    };
    // The strongest frequency of what is heard, in Hz, and its level in dB.
    window.strongest = () => {
        const [levels, apart] = window.spectrum();
        const at = levels.indexOf(Math.max(...levels));
        return [at * apart, levels[at]];
    };
    // The level of one frequency, in dB.
    window.level = (hz) => {
        const [levels, apart] = window.spectrum();
        const at = Math.round(hz / apart);
        return Math.max(...levels.slice(Math.max(at - 2, 0), at + 3));
    };
    // From now on the loudest that each of these frequencies ever was, in dB.
    window.listenFor = (all) => {
        window.loudest = Object.fromEntries(all.map((hz) => [hz, -200]));
        clearInterval(window.listening);
        window.listening = setInterval(() => {
            for (const hz of all) window.loudest[hz] = Math.max(window.loudest[hz], window.level(hz));
        }, 20);
    };
"#;

/// A browser with one page. Dropping it kills the process.
pub struct Chromium {
    child: Child,
    profile: PathBuf,
    wire: WebSocket<TcpStream>,
    session: String,
    next: u64,
}

static STARTED: AtomicU32 = AtomicU32::new(0);

impl Chromium {
    /// Starts one whose microphone says a tone.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(tone_hz: u16) -> Chromium {
        let one = STARTED.fetch_add(1, Ordering::Relaxed);
        let profile = std::env::temp_dir().join(format!("sibai-chromium-{}-{one}", std::process::id()));
        let _ = fs::remove_dir_all(&profile);
        fs::create_dir_all(&profile).expect("a directory");
        let microphone = profile.join("microphone.wav");
        fs::write(&microphone, tone_file(tone_hz)).expect("written");
        let mut child = spawn(&profile, &microphone);
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned));
        let url = url.expect("it says where it listens");
        // What else it says is of no use, but must be read.
        std::thread::spawn(move || lines.for_each(drop));
        let address = url.split('/').nth(2).expect("an address").to_owned();
        let stream = TcpStream::connect(&address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let (wire, _) = tungstenite::client(url, stream).expect("a WebSocket");
        let mut browser = Chromium { child, profile, wire, session: String::new(), next: 0 };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.ask("Target.attachToTarget", &attach)["sessionId"].clone();
        session.as_str().expect("a session").clone_into(&mut browser.session);
        browser.ask("Page.enable", &json!({}));
        browser.ask("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": LISTENING }));
        browser
    }

    /// From the next page on no packet of a voice leaves but by a relay, as behind a firewall that lets nothing else out.
    ///
    /// # Panics
    /// The browser is gone.
    pub fn only_by_relays(&mut self) {
        let script = json!({"source": "window.onlyRelays = true;"});
        self.ask("Page.addScriptToEvaluateOnNewDocument", &script);
    }

    /// Opens a page.
    ///
    /// # Panics
    /// It does not open.
    pub fn open(&mut self, url: &str) {
        let opened = self.ask("Page.navigate", &json!({ "url": url }));
        assert!(opened.get("errorText").is_none(), "{opened}");
        self.await_true("document.readyState === 'complete'");
        let text = self.value("document.body.innerText").to_string();
        assert!(!text.contains("The pages are not built"), "{text}");
    }

    /// F5.
    ///
    /// # Panics
    /// The page does not come back.
    pub fn reload(&mut self) {
        self.ask("Page.reload", &json!({}));
    }

    /// Closes the page, as a person closes a tab.
    pub fn close_page(&mut self) {
        self.ask("Page.close", &json!({}));
    }

    /// The value of an expression in the page, awaited where it is a promise.
    ///
    /// # Panics
    /// It throws.
    pub fn value(&mut self, expression: &str) -> Value {
        let words = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true
        });
        let mut answer = self.ask("Runtime.evaluate", &words);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    ///
    /// # Panics
    /// It does not become so.
    pub fn await_true(&mut self, expression: &str) {
        eventually(expression, || {
            let words = json!({"expression": expression, "returnByValue": true});
            let answer = self.ask("Runtime.evaluate", &words);
            (answer["result"]["value"] == true).then_some(())
        });
    }

    /// Types into the fields of a form by their names, and submits it.
    ///
    /// # Panics
    /// There is no such form.
    pub fn submit(&mut self, fields: &[(&str, &str)]) {
        self.await_true("!!document.querySelector('form')");
        for (name, text) in fields {
            self.value(&format!("document.querySelector({:?}).value = {text:?}", format!("[name={name}]")));
        }
        self.value("document.querySelector('form').requestSubmit()");
    }

    /// Waits for a button by its text and presses it.
    ///
    /// # Panics
    /// It is not there, or cannot be pressed.
    pub fn press(&mut self, text: &str) {
        let button =
            format!("[...document.querySelectorAll('button')].find((one) => one.textContent === {text:?})");
        self.await_true(&format!("{button} && !{button}.disabled"));
        self.value(&format!("{button}.click()"));
    }

    /// Waits until the page hears a tone within 15 Hz of this.
    ///
    /// # Panics
    /// It does not.
    pub fn await_tone(&mut self, hz: u16) {
        let mut last = Value::Null;
        let until = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < until {
            last = self.value("window.strongest()");
            let (heard, level) = (last[0].as_f64().unwrap_or(0.0), last[1].as_f64().unwrap_or(-200.0));
            if (heard - f64::from(hz)).abs() <= 15.0 && level > -60.0 {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let page = self.value("document.body.innerText + ' | ' + JSON.stringify(sessionStorage)");
        panic!("{hz} Hz were not heard, at last {last}; the page says {page}");
    }

    /// Waits until the page hears a tone among others: at least so loud, in dB.
    ///
    /// # Panics
    /// It does not.
    pub fn await_level(&mut self, hz: u16, db: i32) {
        let heard = format!("window.level({hz}) > {db}");
        self.await_true(&heard);
    }

    /// Begins to note how loud each of these frequencies ever is.
    pub fn listen_for(&mut self, all: &[u16]) {
        self.value(&format!("window.listenFor({all:?})"));
    }

    /// The loudest that a frequency was since [`Chromium::listen_for`], in dB.
    ///
    /// # Panics
    /// It is none of those listened for.
    pub fn loudest(&mut self, hz: u16) -> f64 {
        self.value(&format!("window.loudest[{hz}]")).as_f64().expect("it is listened for")
    }

    /// Presses the button with this text inside an element.
    ///
    /// # Panics
    /// It is not there, or cannot be pressed.
    pub fn press_in(&mut self, element: &str, text: &str) {
        let inside = format!("(document.querySelector({element:?})?.querySelectorAll('button') ?? [])");
        let button = format!("[...{inside}].find((one) => one.textContent === {text:?})");
        self.await_true(&format!("{button} && !{button}.disabled"));
        self.value(&format!("{button}.click()"));
    }

    /// Types a text into a field of the page, as a person does.
    ///
    /// # Panics
    /// There is no such field.
    pub fn write(&mut self, field: &str, text: &str) {
        self.await_true(&format!("!!document.querySelector({field:?})"));
        self.value(&format!("document.querySelector({field:?}).focus()"));
        self.ask("Input.insertText", &json!({ "text": text }));
    }

    /// A picture of the page, as PNG in base64.
    ///
    /// # Panics
    /// There is none.
    pub fn picture(&mut self, (width, height): (u32, u32)) -> String {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.ask("Emulation.setDeviceMetricsOverride", &size);
        let taken = self.ask("Page.captureScreenshot", &json!({}));
        taken["data"].as_str().expect("a picture").to_owned()
    }

    fn ask(&mut self, method: &str, words: &Value) -> Value {
        self.next += 1;
        let mut asked = json!({"id": self.next, "method": method, "params": words});
        if !self.session.is_empty() && !method.starts_with("Target.") {
            asked["sessionId"] = Value::from(self.session.clone());
        }
        self.wire.send(Message::text(asked.to_string())).expect("it listens");
        loop {
            let text = match self.wire.read().expect("it answers") {
                Message::Text(text) => text,
                _ => continue,
            };
            let mut answer: Value = serde_json::from_str(&text).expect("JSON");
            if answer["id"] == self.next {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn spawn(profile: &Path, microphone: &Path) -> Child {
    let flags = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--remote-debugging-port=0",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        "--allow-loopback-in-peer-connection",
        "--autoplay-policy=no-user-gesture-required",
        "--ignore-certificate-errors",
    ];
    Command::new("chromium")
        .args(flags)
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--use-file-for-fake-audio-capture={}", microphone.display()))
        .arg("about:blank")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("chromium starts; `cargo xtask test` installs it")
}

/// Ten seconds of a tone, whole periods of it: 48 kHz, one channel, 16 bits.
fn tone_file(hz: u16) -> Vec<u8> {
    const RATE: u32 = 48_000;
    let samples = RATE * 10;
    let mut file = Vec::with_capacity(44 + samples as usize * 2);
    let bytes = samples * 2;
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend([1u16, 1].map(u16::to_le_bytes).concat());
    file.extend([RATE, RATE * 2].map(u32::to_le_bytes).concat());
    file.extend([2u16, 16].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    let step = std::f64::consts::TAU * f64::from(hz) / f64::from(RATE);
    let sample = |n: u32| (12_000.0 * (step * f64::from(n)).sin()) as i16;
    file.extend((0..samples).flat_map(|n| sample(n).to_le_bytes()));
    file
}
