//! Error codes of sessions, users and certificates.

error_codes! {
    AUTH_ALREADY_ENABLED("current auth_type", "current service_name"):
        "External authentication is already on. Disable it first to change its settings.";
    AUTH_DISABLE_FAILED("message"):
        "External authentication could not be switched off. Check the connection to the \
         directory, or force it.";
    AUTH_DISABLE_FAILED_PERMISSION_DENIED("message"):
        "The directory did not let this account remove the host. Use an account that may, or \
         force it.";
    AUTH_DISABLE_FAILED_WRONG_CREDENTIALS("message"):
        "The directory refused the user name or password. Check both.";
    AUTH_ENABLE_FAILED("message"):
        "External authentication could not be switched on. Check the settings and the \
         connection to the directory.";
    AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED("message"):
        "The domain was not found. Check its name and the DNS servers of the host.";
    AUTH_ENABLE_FAILED_INVALID_ACCOUNT("message"):
        "The account cannot be used for joining the domain. Choose another one.";
    AUTH_ENABLE_FAILED_INVALID_OU("message"):
        "The organisational unit does not exist. Check its name.";
    AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS("message"):
        "The trusted certificates do not fit those of the directory. Install the right ones.";
    AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS("message"):
        "No trusted certificate for the directory is installed. Install it first.";
    AUTH_ENABLE_FAILED_PERMISSION_DENIED("message"):
        "The directory did not let this account add the host. Use an account that may.";
    AUTH_ENABLE_FAILED_UNAVAILABLE("message"):
        "The directory does not answer. Check the network and the directory servers.";
    AUTH_ENABLE_FAILED_WRONG_CREDENTIALS("message"):
        "The directory refused the user name or password. Check both.";
    AUTH_INVALID_TRUSTED_CERTS("message"):
        "The trusted certificates do not fit those of the directory. Install the right ones.";
    AUTH_IS_DISABLED(): "External authentication is off. Enable it first.";
    AUTH_NO_TRUSTED_CERTS("message"):
        "No trusted certificate for the directory is installed. Install it first.";
    AUTH_SERVICE_ERROR("message"):
        "The directory answered with an error. Try again, and look at the logs of the directory \
         if it persists.";
    AUTH_SETUP_TLS_CONNECTION("message"):
        "No encrypted connection to the directory could be made. Check its certificate.";
    AUTH_SET_LDAPS_FAILED("host", "message"):
        "Encrypted access to the directory could not be set. Check its certificate and port.";
    AUTH_UNKNOWN_TYPE("type"):
        "This kind of external authentication is not known. Choose a supported one.";
    CERTIFICATE_ALREADY_EXISTS("name"):
        "A certificate of this name is installed already. Uninstall it first, or choose another \
         name.";
    CERTIFICATE_CORRUPT("name"):
        "The certificate cannot be read. Install it again from a good file.";
    CERTIFICATE_DOES_NOT_EXIST("name"):
        "There is no certificate of this name. Check the name in the list of certificates.";
    CERTIFICATE_LACKS_PURPOSE():
        "The certificate is not meant for this purpose. Choose one that is.";
    CERTIFICATE_LIBRARY_CORRUPT(): "The stored certificates cannot be read. Install them again.";
    CERTIFICATE_NAME_INVALID("name"):
        "This cannot be the name of a certificate. Use letters, digits, dots and dashes.";
    CHANGE_PASSWORD_REJECTED("msg"):
        "The new password was refused. Choose one that fits the rules of the host.";
    CRL_ALREADY_EXISTS("name"):
        "A revocation list of this name is installed already. Uninstall it first.";
    CRL_CORRUPT("name"): "The revocation list cannot be read. Install it again from a good file.";
    CRL_DOES_NOT_EXIST("name"): "There is no revocation list of this name. Check the name.";
    CRL_NAME_INVALID("name"):
        "This cannot be the name of a revocation list. Use letters, digits, dots and dashes.";
    NOT_TRUSTED_CERTIFICATE("ref"):
        "The certificate is not trusted by this pool. Install it or its issuer as trusted \
         first.";
    PERMISSION_DENIED("message"): "The caller may not do this. Log in as a user with the rights.";
    POOL_AUTH_ALREADY_ENABLED("host"):
        "External authentication is already on, on a host of the pool. Disable it for the pool \
         first.";
    POOL_AUTH_DISABLE_FAILED("host", "message"):
        "External authentication could not be switched off on a host. Check that host, or force \
         it.";
    POOL_AUTH_DISABLE_FAILED_INVALID_ACCOUNT("host", "message"):
        "The account cannot be used for leaving the domain. Choose another one.";
    POOL_AUTH_DISABLE_FAILED_PERMISSION_DENIED("host", "message"):
        "The directory did not let this account remove a host. Use an account that may.";
    POOL_AUTH_DISABLE_FAILED_WRONG_CREDENTIALS("host", "message"):
        "The directory refused the user name or password. Check both.";
    POOL_AUTH_ENABLE_FAILED("host", "message"):
        "External authentication could not be switched on, on a host. Check that host's \
         connection to the directory.";
    POOL_AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED("host", "message"):
        "A host did not find the domain. Check the DNS servers of that host.";
    POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME("host", "message"):
        "Two hosts have the same name, and a domain allows each name once. Rename one of them.";
    POOL_AUTH_ENABLE_FAILED_INVALID_ACCOUNT("host", "message"):
        "The account cannot be used for joining the domain. Choose another one.";
    POOL_AUTH_ENABLE_FAILED_INVALID_OU("host", "message"):
        "The organisational unit does not exist. Check its name.";
    POOL_AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS("host", "message"):
        "The trusted certificates do not fit those of the directory. Install the right ones.";
    POOL_AUTH_ENABLE_FAILED_NO_SUPPORT_ENCRYPT_TYPE("host", "message"):
        "Host and directory have no kind of encryption in common. Allow a newer kind in the \
         directory.";
    POOL_AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS("host", "message"):
        "No trusted certificate for the directory is installed. Install it first.";
    POOL_AUTH_ENABLE_FAILED_PERMISSION_DENIED("host", "message"):
        "The directory did not let this account add a host. Use an account that may.";
    POOL_AUTH_ENABLE_FAILED_SETUP_TLS_CONNECTION("host", "message"):
        "A host could not make an encrypted connection to the directory. Check the certificate \
         of the directory.";
    POOL_AUTH_ENABLE_FAILED_UNAVAILABLE("host", "message"):
        "The directory does not answer a host. Check that host's network and the directory \
         servers.";
    POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS("host", "message"):
        "The directory refused the user name or password. Check both.";
    RBAC_PERMISSION_DENIED("permission", "message"):
        "The role of the user does not allow this. Ask an administrator to do it or to grant \
         the role.";
    ROLE_ALREADY_EXISTS(): "The user has this role already. Nothing needs doing.";
    ROLE_NOT_FOUND():
        "There is no such role, or the user does not have it. Check the name of the role.";
    SERVER_CERTIFICATE_CHAIN_INVALID():
        "The chain of the server certificate is broken. Supply all intermediate certificates in \
         PEM form, in order.";
    SERVER_CERTIFICATE_EXPIRED("now", "not_after"):
        "The server certificate has expired. Install a valid one.";
    SERVER_CERTIFICATE_INVALID(): "The server certificate cannot be read. Supply it in PEM form.";
    SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED("algorithm_oid"):
        "The key of the server certificate is of an unsupported kind. Use RSA or ECDSA.";
    SERVER_CERTIFICATE_KEY_INVALID():
        "The key of the server certificate cannot be read. Supply it in PEM form, without a \
         passphrase.";
    SERVER_CERTIFICATE_KEY_MISMATCH():
        "The key does not belong to the server certificate. Supply the pair that belongs \
         together.";
    SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED("length"):
        "The RSA key has an unsupported length. Use 2048 to 4096 bits.";
    SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED():
        "RSA keys with more than two primes are not supported. Make an ordinary key.";
    SERVER_CERTIFICATE_NOT_VALID_YET("now", "not_before"):
        "The server certificate is not valid yet. Check the clock of the host, or wait.";
    SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED():
        "The server certificate is signed in an unsupported way. Use SHA-256 or better.";
    SESSION_AUTHENTICATION_FAILED():
        "The user name or password is wrong. Check both and log in again.";
    SESSION_AUTHORIZATION_FAILED("username", "msg"):
        "The user is known but may not log in to this pool. Ask an administrator for a role.";
    SESSION_INVALID("handle"): "The session has ended or never existed. Log in again.";
    SESSION_NOT_REGISTERED("handle"):
        "The session has not subscribed to events. Call event.register first, or use \
         event.from.";
    SSL_VERIFY_ERROR("reason"):
        "The other side's certificate could not be verified. Check that it is issued by a \
         trusted authority and that both clocks are right.";
    SUBJECT_ALREADY_EXISTS(): "This user or group has access already. Change its roles instead.";
    SUBJECT_CANNOT_BE_RESOLVED():
        "The external directory does not know this user or group. Check the spelling and the \
         domain.";
    TLS_CONNECTION_FAILED("address", "port"):
        "No encrypted connection could be made. Check address, port and certificates of the \
         other side.";
    TLS_VERIFICATION_NOT_ENABLED_IN_POOL():
        "The pool does not verify certificates yet. Enable that for the pool first.";
    TRUSTED_CERTIFICATE_ALREADY_EXISTS("fingerprint"):
        "This certificate is trusted already. Nothing needs doing.";
    TRUSTED_CERTIFICATE_EXPIRED("now", "not_after"):
        "The certificate has expired and cannot be trusted. Get a valid one.";
    TRUSTED_CERTIFICATE_INVALID(): "The certificate cannot be read. Supply it in PEM form.";
    TRUSTED_CERTIFICATE_NOT_VALID_YET("now", "not_before"):
        "The certificate is not valid yet. Check the clock of the host, or wait.";
    USER_IS_NOT_LOCAL_SUPERUSER("msg"): "Only the local user root may do this. Log in as root.";
}
