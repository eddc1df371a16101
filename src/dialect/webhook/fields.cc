#include "dialect/webhook/fields.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/webhook/body_reader.h"
#include "dialect/webhook/smtp_credentials.h"
#include "mail/address.h"

namespace postern::dialect::webhook {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 9> writable = {
    "name",        "allowed_source_ips",  "require_smtp_auth", "smtp_credentials",
    "require_spf", "allowed_spf_domains", "require_dkim",      "allowed_dkim_domains",
    "mode"};
constexpr std::array<std::string_view, 2> modes = {"enforce", "shadow"};
constexpr std::array<std::string_view, 9> read_only = {
    "id",      "account_id",    "smtp_usernames", "smtp_users", "reads_as",
    "version", "webhook_count", "created_at",     "updated_at"};

void read_name(BodyReader& body, bool required, std::string& name) {
  if (body.find("name") == nullptr) {
    if (required) body.missing("name", "is required: a name for people, 1 to 100 characters");
    return;
  }
  const std::optional<std::string> given = body.title("name");
  if (!given) return;
  if (given->empty()) {
    body.error("name", "must not be empty");
    return;
  }
  name = *given;
}

/// Collects the errors of a list's elements in one sentence: "element 1: …; element 3: …". Elements
/// count from 1, as lines do.
class ElementErrors {
 public:
  void add(std::size_t index, std::string_view why) {
    if (++count_ > shown) return;
    sentence_ += fmt::format("{}element {}: {}", sentence_.empty() ? "" : "; ", index + 1, why);
  }
  bool none() const { return count_ == 0; }
  std::string sentence() && {
    if (count_ > shown) sentence_ += fmt::format("; and {} more", count_ - shown);
    return std::move(sentence_);
  }

 private:
  static constexpr std::size_t shown = 20;
  std::size_t count_ = 0;
  std::string sentence_;
};

void read_networks(BodyReader& body, std::vector<Cidr>& networks) {
  constexpr std::string_view field = "allowed_source_ips";
  const std::optional<ListText> list = body.list(field);
  if (!list) return;
  ElementErrors wrong;
  std::vector<Cidr> read;
  for (std::size_t i = 0; i < list->elements.size(); ++i) {
    const Result<Cidr> network = Cidr::parse(list->elements[i]);
    if (!network) {
      wrong.add(i, network.error().message);
    } else if (std::find(read.begin(), read.end(), *network) == read.end()) {
      read.push_back(*network);
    }
  }
  if (wrong.none()) {
    networks = std::move(read);
  } else {
    body.error(field, std::move(wrong).sentence());
  }
}

/// One element of an allowed-domain list, normalised; or a sentence that says what is wrong.
tl::expected<std::string, std::string> domain_pattern(std::string_view text) {
  const std::string shown = printable(text, 64);
  const auto wrong = [&](std::string_view why) {
    return tl::unexpected(fmt::format("`{}` {}", shown, why));
  };
  if (text.find('@') != std::string_view::npos) {
    return wrong("is an address; write the domain behind the @ alone");
  }
  if (text.find_first_of(" \t") != std::string_view::npos) return wrong("has a blank inside");
  std::string_view name = text;
  const bool subdomains = text.starts_with("*.") || text.starts_with('.');
  if (subdomains) name.remove_prefix(text[0] == '*' ? 2 : 1);
  if (name.find('*') != std::string_view::npos) {
    return wrong("has a `*` that is not its first label; `*.example.com` means any subdomain");
  }
  const Result<mail::Domain> domain = mail::Domain::parse(name);
  if (!domain) return wrong("is not a domain: " + domain.error().message);
  if (IpAddress::parse(domain->text())) return wrong("is an IP address, not a domain");
  if (!subdomains) return domain->text();
  if (domain->text().find('.') == std::string::npos) {
    return wrong("would match every domain below a top-level name");
  }
  return "." + domain->text();
}

void read_domains(BodyReader& body, std::string_view field, std::vector<std::string>& domains) {
  const std::optional<ListText> list = body.list(field);
  if (!list) return;
  ElementErrors wrong;
  std::vector<std::string> read;
  for (std::size_t i = 0; i < list->elements.size(); ++i) {
    tl::expected<std::string, std::string> domain = domain_pattern(list->elements[i]);
    if (!domain) {
      wrong.add(i, domain.error());
    } else if (std::find(read.begin(), read.end(), *domain) == read.end()) {
      read.push_back(std::move(*domain));
    }
  }
  if (wrong.none()) {
    domains = std::move(read);
  } else {
    body.error(field, std::move(wrong).sentence());
  }
}

/// Checks rules between fields after the merge. A list without its switch is refused rather than
/// ignored, because users expect the domains they list to restrict something.
void judge_merge(BodyReader& body, const PolicyFields& fields) {
  const auto off = [&](std::string_view control, bool required) {
    return !required && !body.errors().has(control);  // a wrong switch has its own sentence
  };
  if (off("require_spf", fields.require_spf) && !fields.allowed_spf_domains.empty()) {
    body.error("allowed_spf_domains",
               "has no effect while require_spf is false: set require_spf to true, or empty the "
               "list with \"\" in the same request");
  }
  if (off("require_dkim", fields.require_dkim) && !fields.allowed_dkim_domains.empty()) {
    body.error("allowed_dkim_domains",
               "has no effect while require_dkim is false: set require_dkim to true, or empty the "
               "list with \"\" in the same request");
  }
  if (fields.require_smtp_auth && fields.smtp_credentials.empty()) {
    body.error("smtp_credentials",
               "is empty while require_smtp_auth is true: nobody could ever authenticate");
  }
}

bool same(const std::vector<CredentialFields>& a, const std::vector<CredentialFields>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const CredentialFields& x, const CredentialFields& y) {
                      return x.username == y.username && x.hash.equals(y.hash.reveal());
                    });
}

void note_changes(const PolicyFields& before, PolicyWrite& write) {
  const PolicyFields& after = write.fields;
  const auto note = [&](bool differs, const char* field) {
    if (differs) write.changed.emplace_back(field);
  };
  // A new password has no hash yet, so the list differs from a stored one in any case.
  write.credentials_changed =
      !write.to_hash.empty() || !same(before.smtp_credentials, after.smtp_credentials);
  note(before.name != after.name, "name");
  note(before.allowed_source_ips != after.allowed_source_ips, "allowed_source_ips");
  note(before.require_smtp_auth != after.require_smtp_auth, "require_smtp_auth");
  note(write.credentials_changed, "smtp_credentials");
  note(before.require_spf != after.require_spf, "require_spf");
  note(before.allowed_spf_domains != after.allowed_spf_domains, "allowed_spf_domains");
  note(before.require_dkim != after.require_dkim, "require_dkim");
  note(before.allowed_dkim_domains != after.allowed_dkim_domains, "allowed_dkim_domains");
  note(before.shadow != after.shadow, "mode");
}

}  // namespace

Parsed<PolicyWrite> parse_policy(const json::object& object, const PolicyFields* stored) {
  BodyReader body(object);
  PolicyWrite write;
  if (stored != nullptr) write.fields = *stored;
  PolicyFields& fields = write.fields;
  read_name(body, stored == nullptr, fields.name);
  read_networks(body, fields.allowed_source_ips);
  fields.require_smtp_auth = body.boolean("require_smtp_auth").value_or(fields.require_smtp_auth);
  auto credentials =
      read_credentials(body, stored == nullptr ? nullptr : &stored->smtp_credentials);
  if (credentials) {
    fields.smtp_credentials = std::move(credentials->credentials);
    write.to_hash = std::move(credentials->to_hash);
  }
  fields.require_spf = body.boolean("require_spf").value_or(fields.require_spf);
  read_domains(body, "allowed_spf_domains", fields.allowed_spf_domains);
  fields.require_dkim = body.boolean("require_dkim").value_or(fields.require_dkim);
  read_domains(body, "allowed_dkim_domains", fields.allowed_dkim_domains);
  if (const auto mode = body.word("mode", modes)) fields.shadow = *mode == "shadow";
  body.refuse_unknown(writable, read_only, "policy");
  judge_merge(body, fields);
  if (!body.errors().fields.empty()) return tl::unexpected(std::move(body.errors()));
  note_changes(stored == nullptr ? PolicyFields() : *stored, write);
  return write;
}

void hash_passwords(PolicyWrite& write, const std::function<Secret(const Secret&)>& hash) {
  for (const PasswordToHash& entry : write.to_hash) {
    write.fields.smtp_credentials.at(entry.at).hash = hash(entry.password);
  }
  write.to_hash.clear();
}

json::object to_json(const PolicyFields& fields) {
  std::vector<std::string> networks;
  networks.reserve(fields.allowed_source_ips.size());
  for (const Cidr& network : fields.allowed_source_ips) networks.push_back(network.to_string());
  json::array usernames;
  for (const CredentialFields& credential : fields.smtp_credentials) {
    usernames.emplace_back(credential.username);
  }
  return json::object{
      {"name", fields.name},
      {"allowed_source_ips", fmt::format("{}", fmt::join(networks, ","))},
      {"require_smtp_auth", fields.require_smtp_auth},
      {"smtp_usernames", std::move(usernames)},
      {"require_spf", fields.require_spf},
      {"allowed_spf_domains", fmt::format("{}", fmt::join(fields.allowed_spf_domains, ","))},
      {"require_dkim", fields.require_dkim},
      {"allowed_dkim_domains", fmt::format("{}", fmt::join(fields.allowed_dkim_domains, ","))},
      {"mode", fields.shadow ? "shadow" : "enforce"},
  };
}

}  // namespace postern::dialect::webhook
