//! Both encodings: golden texts, round trips, and no panic on anything.

use haven_api::jsonrpc::{self, ReplyTo, Version};
use haven_api::{Request, coerce, xmlrpc};
use haven_model::{ApiError, DateTime, Field, RefId, Value, codes};
use proptest::prelude::*;

const HEAD: &str = "<?xml version=\"1.0\"?><methodResponse><params><param>";
const TAIL: &str = "</param></params></methodResponse>";

#[test]
fn xml_values() {
    let value = Value::Record(vec![
        ("name_label", Value::from("a <b> & \"c\"\u{1}\té")),
        ("VCPUs_max", Value::Int(4)),
        ("factor", Value::Float(0.5)),
        ("is_a_template", Value::Bool(false)),
        ("start_time", Value::DateTime(DateTime(1_735_787_045))),
        ("resident_on", Value::Ref(RefId::NULL)),
        ("tags", Value::Set(vec![Value::from("x"), Value::from("")])),
        ("other_config", Value::Map([("a<b".to_owned(), Value::from("1"))].into())),
        ("absent", Value::Nil),
    ]);
    assert_eq!(
        xmlrpc::encode_result(&value),
        "<value><struct>\
         <member><name>name_label</name>\
         <value>a &lt;b&gt; &amp; &quot;c&quot;\té</value></member>\
         <member><name>VCPUs_max</name><value>4</value></member>\
         <member><name>factor</name><value><double>0.5</double></value></member>\
         <member><name>is_a_template</name><value><boolean>0</boolean></value></member>\
         <member><name>start_time</name><value>\
         <dateTime.iso8601>20250102T03:04:05Z</dateTime.iso8601></value></member>\
         <member><name>resident_on</name><value>OpaqueRef:NULL</value></member>\
         <member><name>tags</name><value><array><data><value>x</value><value></value>\
         </data></array></value></member>\
         <member><name>other_config</name><value><struct><member><name>a&lt;b</name>\
         <value>1</value></member></struct></value></member>\
         </struct></value>"
    );
    assert_eq!(xmlrpc::encode_result(&Value::void()), "<value></value>");
}

#[test]
fn xml_answers() {
    assert_eq!(
        xmlrpc::write_success(&Value::from("x")),
        format!(
            "{HEAD}<value><struct><member><name>Status</name><value>Success</value></member>\
             <member><name>Value</name><value>x</value></member></struct></value>{TAIL}"
        )
    );
    assert_eq!(
        xmlrpc::write_failure(&ApiError::with(codes::SESSION_INVALID, &[&"s"])),
        format!(
            "{HEAD}<value><struct><member><name>Status</name><value>Failure</value></member>\
             <member><name>ErrorDescription</name><value><array><data>\
             <value>SESSION_INVALID</value><value>s</value></data></array></value></member>\
             </struct></value>{TAIL}"
        )
    );
    assert_eq!(
        xmlrpc::write_bare(&Value::Set(vec![Value::from("VM.start")])),
        format!("{HEAD}<value><array><data><value>VM.start</value></data></array></value>{TAIL}")
    );
}

#[test]
fn xml_counts_of_references_are_typed() {
    let counts = Value::Map([("task".to_owned(), Value::Int(3))].into());
    let answer = Value::Record(vec![("valid_ref_counts", counts.clone())]);
    assert!(xmlrpc::encode_result(&answer).contains("<name>task</name><value><i4>3</i4></value>"));
    let user = Value::Map([("valid_ref_counts".to_owned(), counts)].into());
    assert!(xmlrpc::encode_result(&user).contains("<name>task</name><value>3</value>"));
}

/// What clients in the field send.
#[test]
fn xml_calls() {
    let python = b"<?xml version='1.0'?>\n<methodCall>\n<methodName>VM.start</methodName>\n\
        <params>\n<param>\n<value><string>OpaqueRef:1</string></value>\n</param>\n\
        <param>\n<value><boolean>1</boolean></value>\n</param>\n\
        <param>\n<value><int>42</int></value>\n</param>\n\
        <param>\n<value><nil/></value></param>\n\
        <param>\n<value>plain &amp; <![CDATA[<raw>]]></value></param>\n\
        <param><value><struct>\n<member>\n<name>k</name>\n<value><array><data>\n\
        <value><double>1.5</double></value>\n</data></array></value>\n</member>\n</struct></value>\
        </param><param><value/></param><param><value> <string> s </string> </value></param>\
        <param><value><dateTime.iso8601>20250102T03:04:05Z</dateTime.iso8601></value></param>\n\
        </params>\n</methodCall>\n";
    let request = xmlrpc::parse_call(python).unwrap();
    assert_eq!(request.name, "VM.start");
    let inner = Value::Set(vec![Value::Float(1.5)]);
    assert_eq!(
        request.params,
        [
            Value::from("OpaqueRef:1"),
            Value::Bool(true),
            Value::Int(42),
            Value::Nil,
            Value::from("plain & <raw>"),
            Value::Map([("k".to_owned(), inner)].into()),
            Value::void(),
            Value::from(" s "),
            Value::DateTime(DateTime(1_735_787_045)),
        ]
    );
    let bare = b"<methodCall><methodName>system.listMethods</methodName></methodCall>";
    assert_eq!(xmlrpc::parse_call(bare).unwrap().params, []);
}

#[test]
fn xml_nonsense_is_refused() {
    let bomb = format!(
        "<methodCall><methodName>x</methodName><params><param>{}",
        "<value><array><data>".repeat(100_000)
    );
    for body in [
        &b""[..],
        b"<methodCall>",
        b"<methodCall><methodName>x</methodName><params><param><value><int>x</int></value>",
        b"\xff\xfe",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><methodCall><methodName>&a;</methodName></methodCall>",
        b"<methodCall><methodName>&nope;</methodName></methodCall>",
        b"{\"method\":\"x\"}",
        bomb.as_bytes(),
    ] {
        assert!(xmlrpc::parse_call(body).is_err(), "{}", String::from_utf8_lossy(body).len());
    }
}

#[test]
fn json_1() {
    let body = br#"{"method":"VM.get_all","params":["OpaqueRef:1",7,"8",true,null],"id":"a"}"#;
    let (request, to) = jsonrpc::parse_call(body).unwrap();
    assert_eq!((request.name.as_str(), to.version), ("VM.get_all", Version::V1));
    assert_eq!(
        request.params,
        [
            Value::from("OpaqueRef:1"),
            Value::Int(7),
            Value::from("8"),
            Value::Bool(true),
            Value::Nil
        ]
    );
    let ok = jsonrpc::write_response(&to, Ok(&Value::Int(5)));
    assert_eq!(ok, r#"{"result":5,"error":null,"id":"a"}"#);
    let failed = jsonrpc::write_response(
        &to,
        Err(&ApiError::with(codes::HANDLE_INVALID, &[&"VM", &"OpaqueRef:1"])),
    );
    assert_eq!(failed, r#"{"result":null,"error":["HANDLE_INVALID","VM","OpaqueRef:1"],"id":"a"}"#);
}

#[test]
fn json_2() {
    let (request, to) =
        jsonrpc::parse_call(br#"{"jsonrpc":"2.0","method":"system.listMethods","id":3}"#).unwrap();
    assert_eq!((request.params.len(), to.version), (0, Version::V2));
    let record = Value::Record(vec![
        ("uuid", Value::Nil),
        ("memory", Value::Int(1 << 40)),
        ("x", Value::Float(f64::NAN)),
        ("at", Value::DateTime(DateTime(0))),
        ("vm", Value::Ref(RefId::NULL)),
    ]);
    assert_eq!(
        jsonrpc::write_response(&to, Ok(&record)),
        r#"{"jsonrpc":"2.0","result":{"memory":1099511627776,"x":"NaN","at":"19700101T00:00:00Z","vm":"OpaqueRef:NULL"},"id":3}"#
    );
    assert_eq!(
        jsonrpc::write_response(&to, Ok(&Value::void())),
        r#"{"jsonrpc":"2.0","result":"","id":3}"#
    );
    assert_eq!(
        jsonrpc::write_response(&to, Err(&ApiError::with(codes::HOST_IS_SLAVE, &[&"10.0.0.1"]))),
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":"HOST_IS_SLAVE","data":["10.0.0.1"]},"id":3}"#
    );
}

#[test]
fn json_nonsense_is_refused() {
    for body in [
        &b""[..],
        b"[]",
        br#"[{"method":"x","id":1}]"#,
        br#"{"method":"x","params":[]}"#,
        br#"{"method":"x","params":[],"id":null}"#,
        br#"{"method":"x","params":[],"id":1.5}"#,
        br#"{"method":"x","params":{},"id":1}"#,
        br#"{"jsonrpc":"3.0","method":"x","id":1}"#,
        br#"{"id":1}"#,
        b"\xff",
        b"<methodCall/>",
    ] {
        assert!(jsonrpc::parse_call(body).is_err(), "{}", String::from_utf8_lossy(body));
    }
}

/// The types that are lost on the wire come back when the value is read as its type.
#[test]
fn types_come_back() {
    let vm = haven_model::Vm { vcpus_max: 3, tags: vec!["a".into()], ..Default::default() };
    let record = vm.to_value();
    let xml = xmlrpc::decode_value(&xmlrpc::encode_result(&record)).unwrap();
    assert_eq!(haven_model::Vm::from_value(xml.clone()).unwrap(), vm);
    let checked = coerce(xml, &haven_model::Vm::TYPE).unwrap();
    assert_eq!(checked.member("VCPUs_max"), Some(&Value::Int(3)));
    let json: Value = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!(haven_model::Vm::from_value(json).unwrap(), vm);
}

/// Text that XML can carry.
fn text() -> impl Strategy<Value = String> {
    "[ -~\t\né€<>&\"']{0,12}"
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        text().prop_map(Value::String),
        (-1e12..1e12_f64).prop_map(Value::Float),
        (0..4_000_000_000_i64).prop_map(|s| Value::DateTime(DateTime(s))),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Set),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(Value::Map),
        ]
    })
}

/// Floats survive to the digits that `%.16g` keeps.
fn close(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => (a - b).abs() <= a.abs() * 1e-15,
        (Value::Set(a), Value::Set(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && close(a, b))
        }
        _ => a == b,
    }
}

proptest! {
    #[test]
    fn xml_values_come_back(v in value()) {
        let back = xmlrpc::decode_value(&xmlrpc::encode_result(&v)).unwrap();
        prop_assert!(close(&v, &back), "{v:?} {back:?}");
    }

    #[test]
    fn xml_calls_come_back(name in "[a-zA-Z_.]{1,20}", params in prop::collection::vec(value(), 0..4)) {
        let back = xmlrpc::parse_call(xmlrpc::write_call(&name, &params).as_bytes()).unwrap();
        let (ours, theirs) = (Value::Set(params), Value::Set(back.params));
        prop_assert!(back.name == name && close(&ours, &theirs));
    }

    #[test]
    fn json_calls_come_back(name in "[a-zA-Z_.]{1,20}", texts in prop::collection::vec(text(), 0..4)) {
        let params: Vec<_> = texts.into_iter().map(Value::String).collect();
        let body = jsonrpc::write_call(&name, &params, 7);
        let (request, to) = jsonrpc::parse_call(body.as_bytes()).unwrap();
        prop_assert_eq!(request, Request { name, params });
        prop_assert_eq!(to, ReplyTo { version: Version::V2, id: 7.into() });
    }

    #[test]
    fn answers_come_back(params in prop::collection::vec(text(), 0..3), v in value()) {
        let error = ApiError::new(codes::OPERATION_NOT_ALLOWED, params);
        let failed = xmlrpc::write_failure(&error);
        prop_assert_eq!(xmlrpc::parse_response(failed.as_bytes()).unwrap(), Err(error.clone()));
        let to = ReplyTo { version: Version::V2, id: 1.into() };
        let failed = jsonrpc::write_response(&to, Err(&error));
        prop_assert_eq!(jsonrpc::parse_response(failed.as_bytes()).unwrap(), Err(error));
        let done = xmlrpc::parse_response(xmlrpc::write_success(&v).as_bytes()).unwrap().unwrap();
        prop_assert!(close(&done, &v));
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = xmlrpc::parse_call(&body);
        let _ = xmlrpc::parse_response(&body);
        let _ = jsonrpc::parse_call(&body);
        let _ = jsonrpc::parse_response(&body);
    }

    #[test]
    fn no_markup_makes_it_panic(parts in prop::collection::vec(prop::sample::select(vec![
        "<methodCall>", "</methodCall>", "<methodName>", "</methodName>", "<params>", "<param>",
        "</param>", "</params>", "<value>", "</value>", "<value/>", "<struct>", "</struct>",
        "<member>", "</member>", "<name>", "</name>", "<array>", "<data>", "</data>", "</array>",
        "<int>", "</int>", "<nil/>", "1", "x", "&lt;", "&#0;", "&#x41;", "<!--", "-->", "<![CDATA[",
    ]), 0..40)) {
        let _ = xmlrpc::parse_call(parts.concat().as_bytes());
        let _ = xmlrpc::decode_value(&parts.concat());
    }
}
