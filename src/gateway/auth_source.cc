#include "gateway/auth_source.h"

#include <algorithm>
#include <array>
#include <fstream>

#include <fmt/format.h>
#include <sodium.h>

#include "base/hmac.h"
#include "base/ip.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "dialect/restrictions/table_query.h"
#include "gateway/auth_source_verifier.h"
#include "gateway/authenticator.h"
#include "net/http_target.h"
#include "net/sql_client.h"
#include "policy/bcrypt.h"
#include "policy/inquiry.h"
#include "policy/step.h"
#include "smtp/saslprep.h"

namespace postern::gateway {

using policy::AuthAnswer;
using SourceKind = AuthSource::Kind;
using Said = AuthAnswer::Kind;

namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 10> kinds{"none",       "static",       "htpasswd", "sqlite",
                                                 "postgresql", "mysql",        "ldap",     "vault",
                                                 "dovecot",    "introspection"};

/// Collects missing and invalid keys.
class Judge {
 public:
  explicit Judge(const AuthSource& source) : source_(source) {}

  void need(std::string_view key, bool there) {
    if (!there) complain(key, fmt::format("kind \"{}\" needs `{}`", word(), key));
  }
  void complain(std::string_view key, std::string message) {
    found.push_back({key, std::move(message)});
  }
  void check_template(std::string_view key, const std::string& text) {
    if (!text.empty() && !dialect::restrictions::is_template(text))
      complain(key, fmt::format("`{}` may hold %s, %u, %d and %%, no other %", key));
  }
  void check_url(std::string_view key, const std::string& url) {
    const net::EgressRules any{
        .allow_networks = {}, .allow_http = true, .allow_ports = {}, .trusted = true};
    if (url.empty()) return need(key, false);
    if (const auto target = net::parse_target(url, any); !target)
      complain(key, target.error().message);
  }
  void check_secrets() {
    const std::pair<std::string_view, const std::string&> named[] = {
        {"password", source_.password},
        {"token", source_.token},
        {"client_secret", source_.client_secret}};
    for (const auto& [key, file] : named) {
      if (file.empty()) continue;
      if (const Result<Secret> secret = secret_in(file); !secret)
        complain(key, secret.error().message);
    }
  }
  std::string_view word() const { return to_string(source_.kind); }

  std::vector<AuthSourceComplaint> found;

 private:
  const AuthSource& source_;
};

/// Whether what is sent to the server stays on this machine.
bool is_on_this_machine(const std::string& server) {
  const net::SqlHost parts(server);
  if (parts.is_path || parts.host == "localhost") return true;
  const auto address = IpAddress::parse(parts.host);
  return address && address->is_loopback();
}

void judge_mysql(const AuthSource& source, Judge& judge) {
  judge.need("servers", !source.servers.empty());
  judge.need("query", !source.query.empty());
  // with_names() does not read them as the server does.
  if (source.query.find_first_of("\\#") != std::string::npos) {
    judge.complain("query",
                   "a query of kind \"mysql\" holds no \\ and no #: a quote in a text is written "
                   "twice, a comment in /* */");
  }
  const bool shows = has_name(source.query, "password") && !source.start_tls;
  if (shows && !std::ranges::all_of(source.servers, is_on_this_machine)) {
    judge.complain("start_tls",
                   "the query sends passwords of clients to another machine: it needs "
                   "`start_tls = true`");
  }
}

void judge_ldap(const AuthSource& source, Judge& judge) {
  judge.need("servers", !source.servers.empty());
  judge.check_template("dn", source.dn);
  judge.check_template("filter", source.filter);
  if (source.dn.empty() == source.filter.empty())
    judge.complain("dn", "kind \"ldap\" needs either `dn` or `filter`");
  if (!source.filter.empty()) judge.need("base", !source.base.empty());
}

}  // namespace

std::string random_octets(std::size_t size) {
  std::string out(size, '\0');
  randombytes_buf(out.data(), out.size());
  return out;
}

std::string_view to_string(SourceKind kind) { return kinds[static_cast<std::size_t>(kind)]; }

std::vector<AuthSourceComplaint> complaints_of(const AuthSource& source, AuthFiles files) {
  Judge judge(source);
  switch (source.kind) {
    case SourceKind::none:
      return {};
    case SourceKind::fixed:
      judge.need("users", !source.users.empty() || !source.file.empty());
      break;
    case SourceKind::htpasswd:
    case SourceKind::dovecot:
      judge.need("file", !source.file.empty());
      break;
    case SourceKind::sqlite:
      judge.need("file", !source.file.empty());
      judge.need("query", !source.query.empty());
      break;
    case SourceKind::postgresql:
      judge.need("servers", !source.servers.empty());
      judge.need("query", !source.query.empty());
      break;
    case SourceKind::mysql:
      judge_mysql(source, judge);
      break;
    case SourceKind::ldap:
      judge_ldap(source, judge);
      break;
    case SourceKind::vault:
      judge.check_url("address", source.address);
      judge.need("token", !source.token.empty());
      judge.need("path", !source.path.empty());
      judge.check_template("path", source.path);
      break;
    case SourceKind::introspection:
      judge.check_url("address", source.address);
      judge.need("client_secret", source.client_id.empty() == source.client_secret.empty());
      break;
  }
  if (const std::string name = unknown_name(source.query); !name.empty()) {
    judge.complain("query",
                   fmt::format("unknown word `:{}`; :user, :local, :domain and :password are "
                               "filled in",
                               printable(name, 64)));
  }
  if (files == AuthFiles::read) judge.check_secrets();
  const bool has_users = source.kind == SourceKind::fixed || source.kind == SourceKind::htpasswd;
  if (has_users && judge.found.empty()) {
    if (const Result<void> users = check_users(source, files); !users)
      judge.complain(source.users.empty() ? "file" : "users", users.error().message);
  }
  const bool can_scram = source.kind == SourceKind::fixed || source.kind == SourceKind::vault ||
                         source.kind == SourceKind::sqlite ||
                         source.kind == SourceKind::postgresql || source.kind == SourceKind::mysql;
  if (source.scram && !can_scram)
    judge.complain("scram", fmt::format("kind \"{}\" has no SCRAM verifiers", judge.word()));
  if (source.scram && has_name(source.query, "password"))
    judge.complain("scram", "a query with `:password` gives no stored value to make SCRAM keys of");
  return std::move(judge.found);
}

AskedParts asked_parts(const AuthSource& source) {
  AskedParts parts{.local = false, .domain = false};
  bool whole = false;
  if (!source.query.empty()) {
    whole = has_name(source.query, "user");
    parts = {.local = has_name(source.query, "local"), .domain = has_name(source.query, "domain")};
  }
  const std::string format = source.dn + source.filter + source.path;
  for (std::size_t at = format.find('%'); at < format.size() - 1; at = format.find('%', at + 2)) {
    const char letter = to_lower(format[at + 1]);
    whole |= letter == 's';
    parts.local |= letter == 'u';
    parts.domain |= letter == 'd' || is_digit(letter);
  }
  if (whole || (!parts.local && !parts.domain)) return {};
  return parts;
}

std::vector<std::string> SourceVerifier::accounts_of(const std::string& authn_id) const {
  const std::size_t at = authn_id.rfind('@');
  const std::string domain = at == std::string::npos ? std::string() : authn_id.substr(at);
  std::string account;
  if (parts_.local) account = authn_id.substr(0, at);
  if (parts_.domain && domain.size() > 1) account += domain;
  return {account};
}

OpenedSource open_auth_source(const AuthSource& source, AuthWorkers workers) {
  switch (source.kind) {
    case SourceKind::none:
      break;
    case SourceKind::fixed:
    case SourceKind::htpasswd:
      return open_users(source, workers);
    case SourceKind::sqlite:
    case SourceKind::postgresql:
    case SourceKind::mysql:
      return open_sql(source, workers);
    case SourceKind::ldap:
      return open_ldap(source, workers);
    case SourceKind::vault:
      return open_vault(source, workers);
    case SourceKind::dovecot:
      return open_dovecot(source, workers);
    case SourceKind::introspection:
      return open_introspection(source, workers);
  }
  return fail(Fault::bug, "no such kind");
}

Result<Secret> secret_in(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string line;
  if (!stream || !std::getline(stream, line))
    return fail(Fault::permanent, fmt::format("cannot read a line of {}", file));
  while (!line.empty() && is_space(line.back())) line.pop_back();
  if (line.empty())
    return fail(Fault::malformed, fmt::format("{} begins with an empty line", file));
  return Secret(std::move(line));
}

Task<AuthAnswer> SourceVerifier::verify(const policy::AuthAttempt& attempt,
                                        policy::Inquiry& inquiry,
                                        std::vector<policy::Step>& steps) const {
  AuthAnswer answer;
  try {
    AuthAnswer said = co_await ask(attempt, inquiry.evidence);
    answer = std::move(said);
  } catch (const std::exception& error) {
    answer = {.kind = Said::unavailable, .detail = error.what()};
  }
  steps.push_back(step_of(name(), source_.name, answer));
  co_return answer;
}

bool TableVerifier::serves(std::string_view mechanism) const {
  return SourceVerifier::serves(mechanism) || (source_.scram && mechanism == "SCRAM-SHA-256");
}

net::Turn turn_of(const policy::Evidence& evidence) {
  return {.account = {}, .client = subscriber_key(evidence.session.client_ip)};
}

StoredMix::StoredMix()
    : usual_(std::make_shared<const policy::StoredPassword>(*policy::StoredPassword::parse(
          policy::unmatched_hash(policy::default_bcrypt_cost).reveal(),
          policy::PlainText::refused))) {}

/// The key is secret, so that a client cannot tell which names share a place.
std::size_t StoredMix::place_of(std::string_view name) {
  static const std::string key = random_octets(32);
  return static_cast<unsigned char>(hmac_sha256(key, std::string(name)).front()) % size;
}

void StoredMix::note(std::string_view name, std::shared_ptr<const policy::StoredPassword> stored) {
  const std::lock_guard lock(mutex_);
  noted_[place_of(name)] = std::move(stored);
}

std::shared_ptr<const policy::StoredPassword> StoredMix::for_stranger(std::string_view name) const {
  const std::size_t first = place_of(name);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < size; ++i) {
    if (const auto& one = noted_[(first + i) % size]) return one;
  }
  return usual_;
}

/// The password to compare with: for an unknown name that of a known one, so that it takes as long.
std::shared_ptr<const policy::StoredPassword> TableVerifier::noted(
    const std::string& name, const std::optional<policy::StoredPassword>& found) const {
  if (!found) return mix_.for_stranger(name);
  auto kept = std::make_shared<const policy::StoredPassword>(*found);
  mix_.note(name, kept);
  return kept;
}

net::Turn TableVerifier::hashing_turn(const std::string& name, bool known,
                                      std::string client) const {
  return {.account = known ? source_.name + "/" + name : std::string(),
          .client = std::move(client),
          .patience = patience_};
}

Task<void> TableVerifier::spend(const policy::AuthAttempt& attempt,
                                const policy::Evidence& evidence) const {
  (void)co_await TableVerifier::ask(attempt, evidence);
}

Task<AuthAnswer> TableVerifier::ask(const policy::AuthAttempt& attempt,
                                    const policy::Evidence& evidence) const {
  // RFC 4616 §2: the server prepares the identity. A name that SASLprep prohibits is unknown.
  const auto name = smtp::saslprep(attempt.authn_id, smtp::Unassigned::allowed);
  if (!name) co_return AuthAnswer{.detail = "no name that SASLprep allows"};
  const Stored found = co_await stored(*name, turn_of(evidence));
  if (!found) co_return AuthAnswer{.kind = Said::unavailable, .detail = found.error().message};
  const std::shared_ptr<const policy::StoredPassword> hash = noted(*name, *found);
  auto compare = [hash, password = attempt.password] { return hash->matches(password); };
  net::Turn turn =
      hashing_turn(*name, found->has_value(), subscriber_key(evidence.session.client_ip));
  const Result<bool> right = co_await hashing_.run(std::move(turn), std::move(compare));
  if (!right) {
    co_return AuthAnswer{.kind = Said::unavailable,
                         .detail = "too many passwords wait: " + right.error().message};
  }
  if (!*found) co_return AuthAnswer{.detail = "no such user"};
  if (!*right)
    co_return AuthAnswer{.kind = Said::refused, .detail = "wrong password", .known = true};
  AuthAnswer answer{.kind = Said::accepted};
  answer.identity.username = *name;
  co_return answer;
}

Task<Result<std::optional<policy::ScramKeys>>> TableVerifier::scram_keys(std::string name,
                                                                         std::string salt) const {
  using Keys = std::optional<policy::ScramKeys>;
  if (!source_.scram) co_return Keys();
  const Stored found = co_await stored(name, {});
  if (!found) co_return tl::unexpected<Error>(found.error());
  const std::shared_ptr<const policy::StoredPassword> kept = noted(name, *found);
  auto make = [kept, salt = std::move(salt), iterations = scram_iterations()] {
    return kept->scram_keys(salt, iterations);
  };
  net::Turn turn = hashing_turn(name, found->has_value(), {});
  Result<Keys> keys = co_await hashing_.run(std::move(turn), std::move(make));
  if (keys && !*found) co_return Keys();
  co_return keys;
}

}  // namespace postern::gateway
