//! The datagrams of mDNS, as far as they concern this service.

use std::net::Ipv4Addr;

use simple_dns::rdata::{A, PTR, RData, SRV, TXT};
use simple_dns::{
    CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, SimpleDnsError, TYPE,
};
use uuid::Uuid;

use super::said::{Said, Standing, clean, fingerprint};

/// The service.
const SERVICE: &str = "_haven._tcp.local";
/// Where the services of a network are listed.
const SERVICES: &str = "_services._dns-sd._udp.local";
/// Form of what is said.
const FORM: &str = "1";
/// Longest datagram that is read.
pub(super) const BYTES_MAX: usize = 1500;
/// Questions and records of one datagram; of a longer one nothing is read.
const ITEMS_MAX: usize = 128;
/// Bytes of the head of a datagram, the last eight of which count what follows.
const HEAD_BYTES: usize = 12;
/// For how long others may remember what is said, in seconds.
const TTL_S: u32 = 120;

/// A datagram that means something here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Somebody wants to know who is there.
    Asked,
    /// Somebody is there.
    Here(Said),
    /// A host has gone, or changed.
    Gone(Uuid),
}

/// The question who is there.
pub(super) fn question() -> Result<Vec<u8>, SimpleDnsError> {
    let mut packet = Packet::new_query(0);
    let name = Name::new(SERVICE)?;
    let question = Question::new(name, QTYPE::TYPE(TYPE::PTR), QCLASS::CLASS(CLASS::IN), false);
    packet.questions.push(question);
    packet.build_bytes_vec_compressed()
}

/// What a host says of itself, or that it is gone.
pub(super) fn answer(
    said: &Said,
    address: Ipv4Addr,
    gone: bool,
) -> Result<Vec<u8>, SimpleDnsError> {
    let ttl = if gone { 0 } else { TTL_S };
    let instance = format!("{}.{SERVICE}", said.host);
    let machine = format!("{}.local", said.host);
    let (instance, machine) = (Name::new(&instance)?, Name::new(&machine)?);
    let record = |name: &Name<'_>, data| {
        ResourceRecord::new(name.clone().into_owned(), CLASS::IN, ttl, data)
    };
    let mut packet = Packet::new_reply(0);
    packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    let service = Name::new(SERVICE)?;
    packet.answers.push(record(&Name::new(SERVICES)?, RData::PTR(PTR(service.clone()))));
    packet.answers.push(record(&service, RData::PTR(PTR(instance.clone()))));
    let place = SRV { priority: 0, weight: 0, port: said.port, target: machine.clone() };
    packet.answers.push(record(&instance, RData::SRV(place)).with_cache_flush(true));
    packet.answers.push(record(&instance, RData::TXT(text(said)?)).with_cache_flush(true));
    let address = RData::A(A { address: address.into() });
    packet.answers.push(record(&machine, address).with_cache_flush(true));
    packet.build_bytes_vec_compressed()
}

fn text(said: &Said) -> Result<TXT<'static>, SimpleDnsError> {
    let mut words = vec![
        ("v", FORM.to_owned()),
        ("name", clean(&said.name)),
        ("version", clean(&said.version)),
        ("fingerprint", said.fingerprint.clone()),
    ];
    match &said.standing {
        Standing::Free => words.push(("state", "free".to_owned())),
        Standing::Pool { uuid, name, ca } => words.extend([
            ("state", "pool".to_owned()),
            ("pool", uuid.to_string()),
            ("pool-name", clean(name)),
            ("ca", ca.clone()),
        ]),
    }
    let mut text = TXT::new();
    for (key, value) in &words {
        text.add_attribute(key, Some(value.as_bytes()))?;
    }
    Ok(text.into_owned())
}

/// Reads a datagram of whoever sent it.
pub(super) fn read(bytes: &[u8]) -> Option<Heard> {
    let head = bytes.get(4..HEAD_BYTES)?;
    let items: usize = head
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |sum, b| (sum << 8) | usize::from(*b)))
        .sum();
    if items > ITEMS_MAX {
        return None;
    }
    let packet = Packet::parse(bytes).ok()?;
    let service = Name::new(SERVICE).ok()?;
    if !packet.has_flags(PacketFlag::RESPONSE) {
        let services = Name::new(SERVICES).ok()?;
        let asks = |question: &Question<'_>| {
            question.qname == service
                || question.qname == services
                || question.qname.is_subdomain_of(&service)
        };
        return packet.questions.iter().any(asks).then_some(Heard::Asked);
    }
    let records = || packet.answers.iter().chain(&packet.additional_records);
    let (text, ttl, name) = records().find_map(|record| match &record.rdata {
        RData::TXT(text) if record.name.is_subdomain_of(&service) => {
            Some((text, record.ttl, &record.name))
        }
        _ => None,
    })?;
    let host = name.as_bytes().next().and_then(|label| Uuid::try_parse_ascii(label).ok())?;
    if ttl == 0 {
        return Some(Heard::Gone(host));
    }
    let port = records().find_map(|record| match &record.rdata {
        RData::SRV(place) if record.name == *name => Some(place.port),
        _ => None,
    })?;
    said(host, port, text).map(Heard::Here)
}

fn said(host: Uuid, port: u16, text: &TXT<'_>) -> Option<Said> {
    let word = |wanted: &str| {
        let mut all = text.iter_raw();
        let value = all.find(|(key, _)| key.eq_ignore_ascii_case(wanted.as_bytes()))?.1?;
        std::str::from_utf8(value).ok()
    };
    let shown = |key: &str| word(key).map(clean).unwrap_or_default();
    let print = |key: &str| word(key).map(fingerprint).unwrap_or_default();
    if word("v") != Some(FORM) || port == 0 {
        return None;
    }
    let standing = match word("state")? {
        "free" => Standing::Free,
        "pool" => Standing::Pool {
            uuid: Uuid::try_parse(word("pool")?).ok()?,
            name: shown("pool-name"),
            ca: print("ca"),
        },
        _ => return None,
    };
    Some(Said {
        host,
        name: shown("name"),
        version: shown("version"),
        port,
        fingerprint: print("fingerprint"),
        standing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    fn pool(name: &str) -> Said {
        Said {
            host: Uuid::from_u128(7),
            name: "干净".to_owned(),
            version: "0.1.0".to_owned(),
            port: 8443,
            fingerprint: "ab".repeat(32),
            standing: Standing::Pool {
                uuid: Uuid::from_u128(8),
                name: name.to_owned(),
                ca: "cd".repeat(32),
            },
        }
    }

    #[test]
    fn what_is_said_is_heard() {
        let free = Said { standing: Standing::Free, ..pool("") };
        for said in [pool("Escuela María"), free] {
            let bytes = answer(&said, ADDRESS, false).unwrap();
            assert!(bytes.len() <= BYTES_MAX);
            assert_eq!(read(&bytes), Some(Heard::Here(said.clone())));
            let gone = answer(&said, ADDRESS, true).unwrap();
            assert_eq!(read(&gone), Some(Heard::Gone(said.host)));
        }
        assert_eq!(read(&question().unwrap()), Some(Heard::Asked));
    }

    #[test]
    fn the_longest_names_of_any_script_fit_and_are_cleaned() {
        let long = pool(&"𠀀".repeat(500));
        let bytes = answer(&long, ADDRESS, false).unwrap();
        assert!(bytes.len() <= BYTES_MAX, "{}", bytes.len());
        let Some(Heard::Here(Said { standing: Standing::Pool { name, .. }, .. })) = read(&bytes)
        else {
            panic!("not heard")
        };
        assert_eq!(name, "𠀀".repeat(48));
    }

    /// What a stranger sends with these words.
    fn strange(host: &str, words: &[(&str, &[u8])]) -> Vec<u8> {
        let instance = format!("{host}.{SERVICE}");
        let instance = Name::new(&instance).unwrap();
        let mut text = TXT::new();
        for (key, value) in words {
            text.add_attribute(key, Some(*value)).unwrap();
        }
        let place = SRV { priority: 0, weight: 0, port: 443, target: instance.clone() };
        let mut packet = Packet::new_reply(0);
        for data in [RData::SRV(place), RData::TXT(text)] {
            packet.answers.push(ResourceRecord::new(instance.clone(), CLASS::IN, 120, data));
        }
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn strangers_say_what_they_like_and_little_of_it_is_taken() {
        let host = Uuid::from_u128(7).to_string();
        let words: &[(&str, &[u8])] = &[
            ("v", b"1"),
            ("state", b"free"),
            ("name", "<b>\u{202e}\u{7}x".as_bytes()),
            ("fingerprint", b"not one"),
            ("version", &[0xff, 0xfe]),
        ];
        let Some(Heard::Here(said)) = read(&strange(&host, words)) else { panic!("not heard") };
        let texts = (said.name.as_str(), said.fingerprint.as_str(), said.version.as_str());
        assert_eq!(texts, ("<b>x", "", ""));
        assert_eq!(read(&strange("printer", words)), None, "a name that is no host");
        let other: &[(&str, &[u8])] = &[("v", b"2"), ("state", b"free")];
        assert_eq!(read(&strange(&host, other)), None, "another form");
        let pool: &[(&str, &[u8])] = &[("v", b"1"), ("state", b"pool"), ("pool", b"x")];
        assert_eq!(read(&strange(&host, pool)), None, "a pool that is none");
    }

    #[test]
    fn what_is_damaged_is_nothing() {
        let good = answer(&pool("x"), ADDRESS, false).unwrap();
        for cut in 0..good.len() {
            let _ = read(&good[..cut]);
        }
        for at in 0..good.len() {
            let mut other = good.clone();
            other[at] ^= 0xff;
            let _ = read(&other);
        }
        let mut many = good;
        many[4] = 0xff;
        assert_eq!(read(&many), None, "more items than are read");
        assert_eq!(read(b""), None);
    }
}
