// Authenticates by a simple bind at an LDAP server, with a DN from a template or from a search.
#include "dialect/restrictions/remote_table.h"
#include "dialect/restrictions/table_query.h"
#include "gateway/auth_source_verifier.h"
#include "net/ldap_client.h"
#include "policy/evidence.h"

namespace postern::gateway {
namespace {

using policy::AuthAnswer;
using Said = AuthAnswer::Kind;
namespace tables = dialect::restrictions;

class LdapVerifier final : public SourceVerifier {
 public:
  LdapVerifier(const AuthSource& source, AuthWorkers workers,
               std::shared_ptr<net::LdapClient> client)
      : SourceVerifier(source), lookups_(workers.lookups), client_(std::move(client)) {}

 protected:
  Task<AuthAnswer> ask(const policy::AuthAttempt& attempt,
                       const policy::Evidence& evidence) const override {
    auto work = [source = source_, client = client_, user = attempt.authn_id,
                 password = attempt.password, until = deadline()]() -> Result<AuthAnswer> {
      return judge(source, *client, user, password, until);
    };
    Result<AuthAnswer> answer = co_await on_thread(lookups_, turn_of(evidence), std::move(work));
    if (!answer) co_return AuthAnswer{.kind = Said::unavailable, .detail = answer.error().message};
    co_return std::move(*answer);
  }

 private:
  static Result<AuthAnswer> judge(const AuthSource& source, net::LdapClient& client,
                                  const std::string& user, const Secret& password,
                                  Clock::time_point until) {
    const tables::KeyParts parts(user);
    std::optional<std::string> dn;
    if (source.dn.empty()) {
      const auto filter = tables::expand(source.filter, parts, parts, tables::filter_quoted);
      if (!filter) return AuthAnswer{.detail = "the filter does not fit the name"};
      Result<std::vector<std::string>> found = client.search({.base = source.base,
                                                              .filter = *filter,
                                                              .attributes = {},
                                                              .size_limit = 2,
                                                              .names = true},
                                                             until);
      if (!found) return tl::unexpected<Error>(found.error());
      if (found->size() > 1) return fail(Fault::temporary, "the filter finds several entries");
      if (found->empty()) return AuthAnswer{.detail = "no such entry"};
      dn = found->front();
    } else {
      dn = tables::expand(source.dn, parts, parts, tables::name_quoted);
      if (!dn) return AuthAnswer{.detail = "the name does not fit the template"};
    }
    const Result<bool> right = client.authenticate(*dn, password, until);
    if (!right) return tl::unexpected<Error>(right.error());
    if (*right) {
      AuthAnswer answer{.kind = Said::accepted};
      answer.identity.username = user;
      return answer;
    }
    // Without a search it is unknown whether the entry exists: the next verifier is asked.
    return source.dn.empty() ? AuthAnswer{.kind = Said::refused, .detail = "wrong password"}
                             : AuthAnswer{.detail = "the server does not let it in"};
  }

  net::WorkPool& lookups_;
  std::shared_ptr<net::LdapClient> client_;
};

}  // namespace

OpenedSource open_ldap(const AuthSource& source, AuthWorkers workers) {
  Result<Secret> password = Secret();
  if (!source.password.empty()) password = secret_in(source.password);
  if (!password) return tl::unexpected<Error>(password.error());
  auto client =
      std::make_shared<net::LdapClient>(net::LdapServers{.uris = source.servers,
                                                         .bind = !source.user.empty(),
                                                         .bind_dn = source.user,
                                                         .bind_password = std::move(*password),
                                                         .start_tls = source.start_tls,
                                                         .ca_file = source.ca});
  return std::make_shared<const LdapVerifier>(source, workers, std::move(client));
}

}  // namespace postern::gateway
