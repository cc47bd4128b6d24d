use super::*;
use crate::join::new_token;
use crate::orders::{HostFacts, NicFacts};
use crate::tls::{HostTls, make_ca, make_request, peer_of};

const NOW_MS: u64 = 1_700_000_000_000;

struct Pool {
    ca: CaMaterial,
    members: Vec<Member>,
    tokens: Vec<TokenRecord>,
    secret: String,
}

fn pool() -> Pool {
    let ca = make_ca(Uuid::new_v4()).unwrap();
    let (token, record) = new_token("10.0.0.1".to_owned(), String::new(), NOW_MS + 1000);
    Pool { ca, members: vec![member(1)], tokens: vec![record], secret: token.secret }
}

fn member(number: u8) -> Member {
    Member {
        host: HostId(Uuid::from_u128(u128::from(number))),
        name: format!("h{number}"),
        address: IpAddr::from([10, 0, 0, number]),
        api_port: 443,
        peer_port: 7443,
    }
}

impl Pool {
    fn view(&self) -> PoolView<'_> {
        PoolView {
            pool: Uuid::from_u128(99),
            coordinator: self.members[0].host,
            members: &self.members,
            cpu_vendor: "AuthenticAMD",
            version: "1.0",
            tokens: &self.tokens,
            now_ms: NOW_MS,
            clock_skew_max_s: 30,
            allow_dynamic_address: false,
            storage: &[],
            ca: &self.ca,
        }
    }

    fn request(&self, number: u8) -> JoinRequest {
        let member = member(number);
        JoinRequest {
            secret: self.secret.clone(),
            host: member.host,
            name: member.name,
            address: member.address,
            api_port: 443,
            peer_port: 7443,
            csr_pem: make_request().unwrap().csr_pem,
            facts: HostFacts {
                version: "1.0".to_owned(),
                cpu_vendor: "AuthenticAMD".to_owned(),
                hostname: "h2".to_owned(),
                wall_ms: NOW_MS,
                ..HostFacts::default()
            },
        }
    }

    fn refusal(&self, change: impl FnOnce(&mut JoinRequest)) -> &'static str {
        let mut request = self.request(2);
        change(&mut request);
        admit(&self.view(), &request).unwrap_err().code
    }
}

#[test]
fn a_good_host_gets_a_certificate_of_its_own_name_and_the_whole_list() {
    let mut pool = pool();
    pool.members.push(member(3));
    let key = make_request().unwrap();
    let mut request = pool.request(2);
    request.csr_pem = key.csr_pem.clone();
    let admission = admit(&pool.view(), &request).unwrap();
    let answer = admission.answer;
    assert_eq!(admission.token.used_by, Some(request.host));
    assert_eq!(answer.members.len(), 3);
    let tls = HostTls::new(&answer.ca_pem, &answer.cert_pem, &key.key_pem).unwrap();
    assert!(tls.peer_server().is_ok());
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(answer.cert_pem.as_bytes());
    assert_eq!(peer_of(&der.unwrap()), Some(request.host));
}

/// A07 (fixed address), A15 (version), E11 (CPU vendor), scenario 37 (cloned host).
#[test]
fn each_obstacle_has_its_own_error() {
    let pool = pool();
    assert_eq!(pool.refusal(|r| r.secret = "guess".to_owned()), codes::JOIN_TOKEN_INVALID);
    assert_eq!(pool.refusal(|r| r.host = member(1).host), codes::HOST_UUID_DUPLICATE);
    assert_eq!(
        pool.refusal(|r| r.address = member(1).address),
        codes::INVALID_IP_ADDRESS_SPECIFIED
    );
    assert_eq!(pool.refusal(|r| r.facts.version = "0.9".to_owned()), codes::HOST_VERSION_MISMATCH);
    assert_eq!(
        pool.refusal(|r| r.facts.cpu_vendor = "GenuineIntel".to_owned()),
        codes::JOIN_CPU_VENDOR_MISMATCH
    );
    assert_eq!(pool.refusal(|r| r.facts.wall_ms = NOW_MS + 31_000), codes::HOST_CLOCK_SKEW);
    assert_eq!(pool.refusal(|r| r.facts.wall_ms = NOW_MS - 31_000), codes::HOST_CLOCK_SKEW);
    assert_eq!(
        pool.refusal(|r| r.address = IpAddr::from([0, 0, 0, 0])),
        codes::INVALID_IP_ADDRESS_SPECIFIED
    );
    let nic = NicFacts {
        device: "eth0".to_owned(),
        addresses: vec!["10.0.0.2/24".to_owned()],
        dynamic: true,
        ..NicFacts::default()
    };
    assert_eq!(pool.refusal(|r| r.facts.nics = vec![nic]), codes::HOST_IP_NOT_STATIC);
}

#[test]
fn a_token_admits_one_host_but_may_be_repeated_by_it() {
    let mut pool = pool();
    let request = pool.request(2);
    let admission = admit(&pool.view(), &request).unwrap();
    pool.tokens = vec![admission.token];
    pool.members.push(admission.member);
    assert!(admit(&pool.view(), &request).unwrap().again);
    assert_eq!(admit(&pool.view(), &pool.request(3)).unwrap_err().code, codes::JOIN_TOKEN_USED);
    pool.tokens[0].expires_ms = NOW_MS;
    assert_eq!(admit(&pool.view(), &request).unwrap_err().code, codes::JOIN_TOKEN_INVALID);
}
