#include "net/ldap_client.h"

#include <ldap.h>
#include <sys/time.h>

#include "base/owned.h"
#include "base/text.h"
#include "net/connection_shelf.h"
#include "net/deadline_watch.h"

namespace postern::net {

namespace {

using Clock = LdapClient::Clock;
using Values = std::vector<std::string>;

struct Unbind {
  void operator()(LDAP* handle) const { ldap_unbind_ext(handle, nullptr, nullptr); }
};
using LdapHandle = std::unique_ptr<LDAP, Unbind>;
using LdapAnswer = Owned<LDAPMessage, ldap_msgfree>;

struct LdapConnection {
  LdapHandle handle;
  std::string uri;
};

timeval left_until(Clock::time_point deadline) {
  const auto left =
      std::max(std::chrono::microseconds(1),
               std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now()));
  return {.tv_sec = static_cast<time_t>(left.count() / 1'000'000),
          .tv_usec = static_cast<suseconds_t>(left.count() % 1'000'000)};
}

/// The error text of the library or the server for a code; `handle` may be null.
tl::unexpected<Error> ldap_trouble(const std::string& uri, LDAP* handle, int code) {
  std::string why = ldap_err2string(code);
  char* more = nullptr;
  if (handle != nullptr) ldap_get_option(handle, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
  if (more != nullptr && *more != '\0') why += std::string(" (") + more + ")";
  ldap_memfree(more);
  return fail(Fault::temporary, printable(uri, 200) + ": " + printable(why, 300));
}

int set_ldap_options(LDAP* handle, const LdapServers& servers, const std::string& uri,
                     Clock::time_point deadline) {
  const int version = LDAP_VERSION3;
  const timeval limit = left_until(deadline);
  int code = LDAP_OPT_SUCCESS;
  const auto set = [&](int option, const void* value) {
    if (code == LDAP_OPT_SUCCESS) code = ldap_set_option(handle, option, value);
  };
  set(LDAP_OPT_PROTOCOL_VERSION, &version);
  set(LDAP_OPT_NETWORK_TIMEOUT, &limit);
  set(LDAP_OPT_TIMEOUT, &limit);
  set(LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
  if (!servers.start_tls && !uri.starts_with("ldaps:")) return code;
  const int verify = servers.verify_certificate ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
  set(LDAP_OPT_X_TLS_REQUIRE_CERT, &verify);
  if (!servers.ca_file.empty()) set(LDAP_OPT_X_TLS_CACERTFILE, servers.ca_file.c_str());
  const int client = 0;
  set(LDAP_OPT_X_TLS_NEWCTX, &client);
  return code;
}

/// Waits for the answer to `id`. Returns LDAP_TIMEOUT or the answer's code.
int wait_for(LDAP* handle, int id, Clock::time_point deadline, LdapAnswer& answer) {
  timeval limit = left_until(deadline);
  LDAPMessage* raw = nullptr;
  const int type = ldap_result(handle, id, LDAP_MSG_ALL, &limit, &raw);
  answer.reset(raw);
  if (type == 0) return LDAP_TIMEOUT;
  int code = LDAP_OTHER;
  if (type < 0) {
    ldap_get_option(handle, LDAP_OPT_RESULT_CODE, &code);
    return code == LDAP_SUCCESS ? LDAP_SERVER_DOWN : code;
  }
  const int parsed = ldap_parse_result(handle, raw, &code, nullptr, nullptr, nullptr, nullptr, 0);
  return parsed == LDAP_SUCCESS ? code : parsed;
}

/// Closes a connection at its deadline. The library cannot limit a TLS handshake: with a network
/// timeout it polls in a busy loop, without one it waits forever.
class Watch {
 public:
  Watch(LDAP* handle, Clock::time_point deadline)
      : handle_(handle),
        callbacks_{.lc_add = opened, .lc_del = closed, .lc_arg = this},
        watch_("ldap-deadline", deadline) {
    ldap_set_option(handle_, LDAP_OPT_CONNECT_CB, &callbacks_);
  }
  ~Watch() { ldap_get_option(handle_, LDAP_OPT_CONNECT_CB, &callbacks_); }  // unregisters it
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  /// Called between TCP connect and TLS handshake.
  static int opened(LDAP* handle, Sockbuf* socket, LDAPURLDesc*, sockaddr*, ldap_conncb* self) {
    ber_socket_t descriptor = -1;
    ber_sockbuf_ctrl(socket, LBER_SB_OPT_GET_FD, &descriptor);
    ldap_set_option(handle, LDAP_OPT_NETWORK_TIMEOUT, nullptr);
    static_cast<Watch*>(self->lc_arg)->watch_.watch(descriptor);
    return 0;
  }
  static void closed(LDAP*, Sockbuf*, ldap_conncb* self) {
    static_cast<Watch*>(self->lc_arg)->watch_.watch(-1);
  }

  LDAP* const handle_;
  ldap_conncb callbacks_;
  DeadlineWatch watch_;
};

int bind(LDAP* handle, const std::string& dn, const Secret& secret, Clock::time_point deadline) {
  berval password{.bv_len = secret.size(), .bv_val = const_cast<char*>(secret.reveal().c_str())};
  int id = 0;
  const int sent =
      ldap_sasl_bind(handle, dn.c_str(), LDAP_SASL_SIMPLE, &password, nullptr, nullptr, &id);
  if (sent != LDAP_SUCCESS) return sent;
  LdapAnswer answer;
  return wait_for(handle, id, deadline, answer);
}

Result<std::unique_ptr<LdapConnection>> connect_ldap(const LdapServers& servers,
                                                     const std::string& uri,
                                                     Clock::time_point deadline) {
  LDAP* raw = nullptr;
  int code = ldap_initialize(&raw, uri.c_str());
  LdapHandle handle(raw);
  if (code != LDAP_SUCCESS) return ldap_trouble(uri, nullptr, code);
  if (set_ldap_options(raw, servers, uri, deadline) != LDAP_OPT_SUCCESS) {
    return fail(Fault::temporary, printable(uri, 200) + ": cannot set options; is " +
                                      printable(servers.ca_file, 200) + " readable?");
  }
  const Watch watch(raw, deadline);
  // ldap_connect() fails here, before a search, so that the next server can be tried.
  code = ldap_connect(raw);
  if (code == LDAP_SUCCESS && servers.start_tls) code = ldap_start_tls_s(raw, nullptr, nullptr);
  if (code == LDAP_SUCCESS && servers.bind)
    code = bind(raw, servers.bind_dn, servers.bind_password, deadline);
  if (code != LDAP_SUCCESS) return ldap_trouble(uri, raw, code);
  return std::make_unique<LdapConnection>(LdapConnection{std::move(handle), uri});
}

Values values_in(LDAP* handle, LDAPMessage* answer, const LdapSearch& search) {
  Values found;
  for (LDAPMessage* entry = ldap_first_entry(handle, answer); entry != nullptr;
       entry = ldap_next_entry(handle, entry)) {
    if (search.names) {
      char* const name = ldap_get_dn(handle, entry);
      if (name != nullptr) found.emplace_back(name);
      ldap_memfree(name);
    }
    for (const std::string& attribute : search.attributes) {
      const Owned<berval*, ldap_value_free_len> values(
          ldap_get_values_len(handle, entry, attribute.c_str()));
      for (berval** one = values.get(); one != nullptr && *one != nullptr; ++one) {
        found.emplace_back((*one)->bv_val, (*one)->bv_len);
      }
    }
  }
  return found;
}

Used<Values> run(LdapConnection& connection, const LdapSearch& search, Clock::time_point deadline) {
  LDAP* const handle = connection.handle.get();
  std::vector<char*> attributes;
  for (const std::string& one : search.attributes) {
    attributes.push_back(const_cast<char*>(one.c_str()));
  }
  attributes.push_back(nullptr);
  const int scope = search.scope == LdapSearch::Scope::base  ? LDAP_SCOPE_BASE
                    : search.scope == LdapSearch::Scope::one ? LDAP_SCOPE_ONELEVEL
                                                             : LDAP_SCOPE_SUBTREE;
  timeval limit = left_until(deadline);
  int id = 0;
  LdapAnswer answer;
  int code =
      ldap_search_ext(handle, search.base.c_str(), scope, search.filter.c_str(), attributes.data(),
                      0, nullptr, nullptr, &limit, search.size_limit, &id);
  if (code == LDAP_SUCCESS) code = wait_for(handle, id, deadline, answer);
  if (code == LDAP_NO_SUCH_OBJECT && search.base_may_lack) return {Values()};
  if (code == LDAP_SUCCESS) return {values_in(handle, answer.get(), search)};
  // Negative codes are failures of the client: the connection cannot be used any more.
  const bool broken = code < 0 || code == LDAP_UNAVAILABLE || code == LDAP_BUSY;
  return {ldap_trouble(connection.uri, handle, code), broken};
}

}  // namespace

struct LdapClient::State {
  LdapServers servers;
  ConnectionShelf<LdapConnection> shelf;
};

Result<bool> LdapClient::authenticate(const std::string& dn, const Secret& password,
                                      Clock::time_point deadline) {
  if (dn.empty() || password.empty()) return false;
  LdapServers nobody = state_->servers;
  nobody.bind = false;
  const auto connect_one = [&](const std::string& uri, Clock::time_point until) {
    return connect_ldap(nobody, uri, until);
  };
  Result<std::unique_ptr<LdapConnection>> made =
      first_that_connects<LdapConnection>(nobody.uris, deadline, connect_one);
  if (!made) return tl::unexpected<Error>(made.error());
  LDAP* const handle = (*made)->handle.get();
  const int code = bind(handle, dn, password, deadline);
  switch (code) {
    case LDAP_SUCCESS:
      return true;
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH:  // the entry has no password
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX:
      return false;
    default:
      return ldap_trouble((*made)->uri, handle, code);
  }
}

LdapClient::LdapClient(LdapServers servers) : state_(std::make_unique<State>()) {
  state_->servers = std::move(servers);
}

LdapClient::~LdapClient() = default;

Result<Values> LdapClient::search(const LdapSearch& search, Clock::time_point deadline) {
  const LdapServers& servers = state_->servers;
  const auto connect_one = [&](const std::string& uri, Clock::time_point until) {
    return connect_ldap(servers, uri, until);
  };
  return state_->shelf.with(
      [&] { return first_that_connects<LdapConnection>(servers.uris, deadline, connect_one); },
      [&](LdapConnection& connection) { return run(connection, search, deadline); });
}

}  // namespace postern::net
