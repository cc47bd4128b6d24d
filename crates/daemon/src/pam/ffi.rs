//! The few calls of libpam, found when they are needed: a host without PAM has no login by it.
#![expect(unsafe_code, reason = "libpam is a C library, loaded by name")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;

/// Names of the library, as distributions have them.
const LIBRARY: &CStr = c"libpam.so.0";
/// Where service files are unless another directory is named.
pub(super) const SERVICES: &str = "/etc/pam.d";

// Of Linux-PAM's `_pam_types.h`.
const SUCCESS: c_int = 0;
const PERM_DENIED: c_int = 6;
const AUTH_ERR: c_int = 7;
const USER_UNKNOWN: c_int = 10;
const MAXTRIES: c_int = 11;
const NEW_AUTHTOK_REQD: c_int = 12;
const ACCT_EXPIRED: c_int = 13;
const CONV_ERR: c_int = 19;
const DISALLOW_NULL_AUTHTOK: c_int = 1;
const SILENT: c_int = 0x8000;
const PROMPT_ECHO_OFF: c_int = 1;
const PROMPT_ECHO_ON: c_int = 2;

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

type Converse =
    extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int;

#[repr(C)]
struct Conversation {
    call: Converse,
    data: *mut c_void,
}

type Handle = *mut c_void;
type Start = extern "C" fn(
    *const c_char,
    *const c_char,
    *const Conversation,
    *const c_char,
    *mut Handle,
) -> c_int;
type Step = extern "C" fn(Handle, c_int) -> c_int;

/// What PAM says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The password is right and the account may be used.
    Yes,
    /// It is not, or may not.
    No,
    /// PAM could not be asked; the number is its own, or 0.
    Unavailable(c_int),
}

struct Library {
    start: Start,
    authenticate: Step,
    account: Step,
    end: Step,
}

impl Library {
    fn load() -> Option<Self> {
        // SAFETY: the name is a C string. The library stays loaded for the life of the process.
        let library = unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW) };
        if library.is_null() {
            return None;
        }
        let symbol = |name: &CStr| {
            // SAFETY: the library is loaded, the name is a C string.
            let found = unsafe { libc::dlsym(library, name.as_ptr()) };
            (!found.is_null()).then_some(found)
        };
        let (start, authenticate) = (symbol(c"pam_start_confdir")?, symbol(c"pam_authenticate")?);
        let (account, end) = (symbol(c"pam_acct_mgmt")?, symbol(c"pam_end")?);
        // SAFETY: these are the functions of those names, whose C signatures are those of the types.
        unsafe {
            Some(Self {
                start: std::mem::transmute::<*mut c_void, Start>(start),
                authenticate: std::mem::transmute::<*mut c_void, Step>(authenticate),
                account: std::mem::transmute::<*mut c_void, Step>(account),
                end: std::mem::transmute::<*mut c_void, Step>(end),
            })
        }
    }
}

/// What the modules may ask for.
struct Answers {
    user: CString,
    password: CString,
}

/// Answers the questions of the modules: the password where it is typed unseen, the name where it
/// is typed seen, nothing to what is only said.
extern "C" fn converse(
    count: c_int,
    messages: *const *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    let Ok(length) = usize::try_from(count) else { return CONV_ERR };
    if length == 0 || messages.is_null() || responses.is_null() || data.is_null() {
        return CONV_ERR;
    }
    // SAFETY: PAM frees what it is given with `free`, so it comes from C's allocator; all zero is a
    // response without text. `data` is what `check` handed in and still holds.
    let (given, answers) = unsafe {
        let given = libc::calloc(length, size_of::<Response>()).cast::<Response>();
        (given, &*data.cast::<Answers>())
    };
    if given.is_null() {
        return CONV_ERR;
    }
    for index in 0..length {
        // SAFETY: Linux-PAM hands in an array of `count` pointers to messages, and `given` has as
        // many places; `strdup` copies a C string into C's allocator.
        unsafe {
            let text = match (**messages.add(index)).style {
                PROMPT_ECHO_OFF => libc::strdup(answers.password.as_ptr()),
                PROMPT_ECHO_ON => libc::strdup(answers.user.as_ptr()),
                _ => ptr::null_mut(),
            };
            (*given.add(index)).text = text;
        }
    }
    // SAFETY: not null, see above; PAM owns the array from here on.
    unsafe { *responses = given };
    SUCCESS
}

/// Asks PAM about a user and a password, by a service whose file is in `directory`.
pub(super) fn check(service: &str, directory: &Path, user: &str, password: &str) -> Verdict {
    // Without its own file PAM would take that of `other`, which may let everybody in.
    if !directory.join(service).is_file() {
        return Verdict::Unavailable(0);
    }
    let text = |text: &str| CString::new(text).ok();
    let directory = directory.to_str().and_then(text);
    let (Some(service), Some(directory)) = (text(service), directory) else {
        return Verdict::Unavailable(0);
    };
    let (Some(user), Some(password)) = (text(user), text(password)) else { return Verdict::No };
    let Some(library) = Library::load() else { return Verdict::Unavailable(0) };
    let answers = Answers { user, password };
    let data = ptr::from_ref(&answers).cast_mut().cast::<c_void>();
    let conversation = Conversation { call: converse, data };
    let mut handle: Handle = ptr::null_mut();
    let (name, how) = (answers.user.as_ptr(), &raw const conversation);
    let begun = (library.start)(service.as_ptr(), name, how, directory.as_ptr(), &raw mut handle);
    if begun != SUCCESS {
        return Verdict::Unavailable(begun);
    }
    let mut result = (library.authenticate)(handle, SILENT | DISALLOW_NULL_AUTHTOK);
    if result == SUCCESS {
        result = (library.account)(handle, SILENT | DISALLOW_NULL_AUTHTOK);
    }
    (library.end)(handle, result);
    match result {
        SUCCESS => Verdict::Yes,
        PERM_DENIED | AUTH_ERR | USER_UNKNOWN | MAXTRIES | NEW_AUTHTOK_REQD | ACCT_EXPIRED => {
            Verdict::No
        }
        other => Verdict::Unavailable(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lines: &str, user: &str) -> Verdict {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("test"), lines).unwrap();
        check("test", dir.path(), user, "s3cret")
    }

    #[test]
    fn the_service_file_says_who_may() {
        if Library::load().is_none() {
            return;
        }
        let open = "auth required pam_permit.so\naccount required pam_permit.so\n";
        assert_eq!(asked(open, "root"), Verdict::Yes);
        let closed = "auth required pam_deny.so\naccount required pam_permit.so\n";
        assert_eq!(asked(closed, "root"), Verdict::No);
        let expired = "auth required pam_permit.so\naccount required pam_deny.so\n";
        assert_eq!(asked(expired, "root"), Verdict::No);
        let group = "auth requisite pam_succeed_if.so quiet user ingroup root\n\
                     auth required pam_permit.so\naccount required pam_permit.so\n";
        assert_eq!(asked(group, "root"), Verdict::Yes);
        assert_eq!(asked(group, "nobody"), Verdict::No);
        let missing = asked("auth required pam_no_such_module.so\n", "root");
        assert!(matches!(missing, Verdict::Unavailable(_)), "{missing:?}");
    }

    #[test]
    fn the_modules_are_told_the_password() {
        if Library::load().is_none() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        // `pam_exec` hands the password to a program on its standard input.
        let program = dir.path().join("compare");
        std::fs::write(&program, "#!/bin/sh\n[ \"$(tr -d '\\0')\" = s3cret ]\n").unwrap();
        let mut mode = std::fs::metadata(&program).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let lines = format!(
            "auth required pam_exec.so expose_authtok quiet {}\naccount required pam_permit.so\n",
            program.display()
        );
        std::fs::write(dir.path().join("test"), lines).unwrap();
        assert_eq!(check("test", dir.path(), "root", "s3cret"), Verdict::Yes);
        assert_ne!(check("test", dir.path(), "root", "other"), Verdict::Yes);
    }

    #[test]
    fn without_its_service_file_nobody_may() {
        let dir = tempfile::tempdir().unwrap();
        let open = "auth required pam_permit.so\naccount required pam_permit.so\n";
        std::fs::write(dir.path().join("other"), open).unwrap();
        assert_eq!(check("test", dir.path(), "root", "s3cret"), Verdict::Unavailable(0));
    }
}
