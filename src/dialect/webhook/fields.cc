#include "dialect/webhook/fields.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/webhook/body_reader.h"
#include "dialect/webhook/smtp_credentials.h"
#include "mail/address.h"
#include "policy/questions/offered.h"

namespace postern::dialect::webhook {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 2> modes = {"enforce", "shadow"};
constexpr std::array<std::string_view, 10> read_only_policy_fields = {
    "id",      "account_id",    "smtp_usernames", "smtp_users", "reads_as",
    "version", "webhook_count", "created_at",     "updated_at", "plan"};

void read_name(BodyReader& body, std::string& name) {
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

/// One element of a list, normalised; or a sentence that says what is wrong.
template <class T>
using Element = tl::expected<T, std::string>;

/// Reads a list field without its duplicates. An element at fault leaves `list` as it is.
template <class T>
void read_list(BodyReader& body, std::string_view field, std::vector<T>& list,
               Element<T> (*parse)(std::string_view text)) {
  const std::optional<ListText> given = body.list(field);
  if (!given) return;
  ElementErrors wrong;
  std::vector<T> read;
  std::set<T> known;
  for (std::size_t i = 0; i < given->elements.size(); ++i) {
    Element<T> element = parse(given->elements[i]);
    if (!element) {
      wrong.add(i, element.error());
    } else if (known.insert(*element).second) {
      read.push_back(std::move(*element));
    }
  }
  if (wrong.none()) {
    list = std::move(read);
  } else {
    body.error(field, std::move(wrong).sentence());
  }
}

Element<Cidr> network(std::string_view text) {
  const Result<Cidr> network = Cidr::parse(text);
  if (!network) return tl::unexpected(network.error().message);
  return *network;
}

Element<std::string> domain_pattern(std::string_view text) {
  const std::string shown = printable(text, 64);
  const auto wrong = [&](std::string_view why) {
    return tl::unexpected(fmt::format("`{}` {}", shown, why));
  };
  if (text.find('@') != std::string_view::npos) {
    return wrong("is an address; write only the domain after the @");
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

std::vector<std::string_view> offered_names() {
  std::vector<std::string_view> names;
  for (const policy::questions::Offered& one : policy::questions::offered)
    names.push_back(one.name);
  return names;
}

Element<std::string> check_name(std::string_view text) {
  if (policy::questions::find_offered(text) != nullptr) return std::string(text);
  const auto names = offered_names();
  const auto near = nearest(text, names);
  return tl::unexpected(
      fmt::format("`{}` is not an offered check; {}", printable(text, 64),
                  near ? fmt::format("did you mean `{}`?", *near)
                       : fmt::format("there {} `{}`", names.size() == 1 ? "is" : "are",
                                     fmt::join(names, "`, `"))));
}

bool same(const std::vector<CredentialFields>& a, const std::vector<CredentialFields>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const CredentialFields& x, const CredentialFields& y) {
                      return x.username == y.username && x.hash.equals(y.hash.reveal());
                    });
}

/// Whether recorded definitions have a field in any case. One that came later is recorded where it
/// is set, so that older records are read as they were meant.
enum class Recorded : std::uint8_t { always, when_set };

/// One field of a policy: how it is read, shown, compared and recorded. Credentials are none of
/// these: they are written, and never shown or recorded.
struct Field {
  FieldText text;
  Recorded recorded = Recorded::always;
  void (*read)(BodyReader& body, std::string_view name, PolicyFields& fields);
  bool (*same)(const PolicyFields& a, const PolicyFields& b);
  bool (*is_set)(const PolicyFields& fields);  ///< a flag is on, a list has elements; null: other
  json::value (*shown)(const PolicyFields& fields);
  json::value (*to_record)(const PolicyFields& fields);
  /// Throws what Boost.JSON throws, or the error of a network, if the value is of another kind.
  void (*from_record)(const json::value& value, PolicyFields& fields);
};

template <auto Member>
constexpr bool same_member(const PolicyFields& a, const PolicyFields& b) {
  return a.*Member == b.*Member;
}

constexpr FieldText of_kind(FieldKind kind, FieldText text) {
  text.kind = kind;
  return text;
}

template <bool PolicyFields::* Member>
constexpr Field flag(FieldText text, Recorded recorded = Recorded::always) {
  return {.text = of_kind(FieldKind::flag, text),
          .recorded = recorded,
          .read =
              [](BodyReader& body, std::string_view field, PolicyFields& fields) {
                fields.*Member = body.boolean(field).value_or(fields.*Member);
              },
          .same = same_member<Member>,
          .is_set = [](const PolicyFields& fields) { return fields.*Member; },
          .shown = [](const PolicyFields& fields) { return json::value(fields.*Member); },
          .to_record = [](const PolicyFields& fields) { return json::value(fields.*Member); },
          .from_record = [](const json::value& value,
                            PolicyFields& fields) { fields.*Member = value.as_bool(); }};
}

using Names = std::vector<std::string>;

template <Names PolicyFields::* Member, auto parse>
constexpr Field names(FieldKind kind, FieldText text, Recorded recorded = Recorded::always) {
  return {
      .text = of_kind(kind, text),
      .recorded = recorded,
      .read = [](BodyReader& body, std::string_view field,
                 PolicyFields& fields) { read_list(body, field, fields.*Member, +parse); },
      .same = same_member<Member>,
      .is_set = [](const PolicyFields& fields) { return !(fields.*Member).empty(); },
      .shown =
          [](const PolicyFields& fields) {
            return json::value(fmt::format("{}", fmt::join(fields.*Member, ",")));
          },
      .to_record = [](const PolicyFields& fields) { return json::value_from(fields.*Member); },
      .from_record = [](const json::value& value,
                        PolicyFields& fields) { fields.*Member = json::value_to<Names>(value); }};
}

template <Names PolicyFields::* Member>
constexpr Field domains(FieldText text) {
  return names<Member, domain_pattern>(FieldKind::domains, text);
}

/// `checks`. A recorded name that this version does not offer is an error: without its check the
/// policy would accept what it refused.
Field checks_field() {
  static const std::string hint =
      fmt::format("Names, one per line: `{}`.", fmt::join(offered_names(), "`, `"));
  static const std::string write =
      fmt::format("Offered checks that must hold: {}. Answers have it where it is set.",
                  fmt::join(offered_names(), ", "));
  Field field = names<&PolicyFields::checks, check_name>(
      FieldKind::checks,
      {.name = "checks", .label = "Other checks", .hint = hint, .write = write, .if_set = true},
      Recorded::when_set);
  field.from_record = [](const json::value& value, PolicyFields& fields) {
    fields.checks = json::value_to<Names>(value);
    for (const std::string& name : fields.checks) {
      if (policy::questions::find_offered(name) != nullptr) continue;
      throw std::invalid_argument(fmt::format(
          "this version has no check `{}`, a newer version wrote it", printable(name, 64)));
    }
  };
  return field;
}

Names network_texts(const std::vector<Cidr>& networks) {
  Names texts;
  texts.reserve(networks.size());
  for (const Cidr& network : networks) texts.push_back(network.to_string());
  return texts;
}

template <std::vector<Cidr> PolicyFields::* Member>
constexpr Field networks(FieldText text, Recorded recorded = Recorded::always) {
  return {
      .text = of_kind(FieldKind::networks, text),
      .recorded = recorded,
      .read = [](BodyReader& body, std::string_view field,
                 PolicyFields& fields) { read_list(body, field, fields.*Member, network); },
      .same = same_member<Member>,
      .is_set = [](const PolicyFields& fields) { return !(fields.*Member).empty(); },
      .shown =
          [](const PolicyFields& fields) {
            return json::value(fmt::format("{}", fmt::join(network_texts(fields.*Member), ",")));
          },
      .to_record =
          [](const PolicyFields& fields) {
            return json::value_from(network_texts(fields.*Member));
          },
      .from_record =
          [](const json::value& value, PolicyFields& fields) {
            for (const json::value& text : value.as_array()) {
              Result<Cidr> network = Cidr::parse(json::value_to<std::string>(text));
              if (!network) throw std::invalid_argument(network.error().message);
              (fields.*Member).push_back(*network);
            }
          }};
}

constexpr Field name_field{
    .text = {.name = "name", .label = "Name", .refused = "empty; control characters"},
    .recorded = Recorded::always,
    .read = [](BodyReader& body, std::string_view,
               PolicyFields& fields) { read_name(body, fields.name); },
    .same = same_member<&PolicyFields::name>,
    .is_set = nullptr,
    .shown = [](const PolicyFields& fields) { return json::value(fields.name); },
    .to_record = [](const PolicyFields& fields) { return json::value(fields.name); },
    .from_record = [](const json::value& value,
                      PolicyFields& fields) { fields.name = json::value_to<std::string>(value); }};

json::value mode_of(const PolicyFields& fields) { return fields.shadow ? "shadow" : "enforce"; }

constexpr Field mode_field{
    .text = of_kind(
        FieldKind::mode,
        {.name = "mode", .label = "Mode", .write = "shadow: judged and traced, refuses nothing."}),
    .recorded = Recorded::when_set,
    .read =
        [](BodyReader& body, std::string_view field, PolicyFields& fields) {
          if (const auto mode = body.word(field, modes)) fields.shadow = *mode == "shadow";
        },
    .same = same_member<&PolicyFields::shadow>,
    .is_set = nullptr,
    .shown = mode_of,
    .to_record = mode_of,
    .from_record = [](const json::value& value,
                      PolicyFields& fields) { fields.shadow = value.as_string() == "shadow"; }};

constexpr FieldText credentials_text{
    .name = "smtp_credentials",
    .label = "SMTP credentials",
    .write =
        "Write-only. username:bcrypt_hash pairs, comma separated, or an array. Replaces the stored "
        "set.",
    .refused = "anything that is not bcrypt of cost 10 to 14; a user twice",
    .kind = FieldKind::credentials};

/// All fields but the credentials, in the order of answers. A new field is one row; a control that
/// it belongs to lists it (controls.cc).
const Field policy_fields[] = {
    name_field,
    networks<&PolicyFields::allowed_source_ips>(
        {.name = "allowed_source_ips",
         .label = "Source IP allowlist",
         .hint = "Networks that may connect, one per line. Empty means any address.",
         .write =
             "CIDR ranges, comma separated (or newlines, or an array). A bare address is a single "
             "host. Empty: no restriction."}),
    flag<&PolicyFields::require_smtp_auth>(
        {.name = "require_smtp_auth",
         .label = "Require SMTP AUTH",
         .hint = "Senders sign in after STARTTLS. Without TLS they are refused.",
         .refused = "`true` without credentials: no client could ever authenticate"}),
    flag<&PolicyFields::require_spf>(
        {.name = "require_spf",
         .label = "Require SPF",
         .hint = "Only a pass is enough: softfail, neutral and no record are refused too."}),
    domains<&PolicyFields::allowed_spf_domains>(
        {.name = "allowed_spf_domains",
         .label = "Allowed SPF domains",
         .hint = "Envelope sender domains, one per line. `.example.com` means every subdomain.",
         .needs = "require_spf",
         .write = "Domains; `*.example.com` or `.example.com` for subdomains. Needs require_spf."}),
    flag<&PolicyFields::require_dkim>(
        {.name = "require_dkim", .label = "Require DKIM", .hint = "At least one valid signature."}),
    domains<&PolicyFields::allowed_dkim_domains>(
        {.name = "allowed_dkim_domains",
         .label = "Allowed DKIM domains",
         .hint = "Domains that sign, one per line.",
         .needs = "require_dkim",
         .write = "Signing domains (d=). Needs require_dkim."}),
    checks_field(),
    mode_field,
};

/// Whether a flag of the table is on.
bool is_on(std::string_view flag, const PolicyFields& fields) {
  const auto* found =
      std::ranges::find(policy_fields, flag, [](const Field& field) { return field.text.name; });
  return found != std::end(policy_fields) && found->is_set(fields);
}

/// Checks rules between fields after the merge. A list without its switch is refused rather than
/// ignored, because users expect the domains they list to restrict something.
void judge_merge(BodyReader& body, const PolicyFields& fields) {
  for (const Field& field : policy_fields) {
    const std::string_view needs = field.text.needs;
    if (needs.empty() || !field.is_set(fields) || is_on(needs, fields)) continue;
    if (body.errors().has(needs)) continue;  // a wrong switch has its own sentence
    body.error(field.text.name,
               fmt::format("has no effect while {0} is false: set {0} to true, or empty the list "
                           "with \"\" in the same request",
                           needs));
  }
  if (fields.require_smtp_auth && fields.smtp_credentials.empty()) {
    body.error("smtp_credentials",
               "is empty while require_smtp_auth is true: no client could authenticate");
  }
}

/// Names that a body may set.
std::vector<std::string_view> writable_policy_fields() {
  std::vector<std::string_view> names;
  for (const Field& field : policy_fields) names.push_back(field.text.name);
  names.push_back(credentials_text.name);
  return names;
}

void note_changes(const PolicyFields& before, PolicyWrite& write) {
  const PolicyFields& after = write.fields;
  for (const Field& field : policy_fields) {
    if (!field.same(before, after)) write.changed.emplace_back(field.text.name);
  }
  // A new password has no hash yet, so the list differs from a stored one in any case.
  write.credentials_changed =
      !write.to_hash.empty() || !same(before.smtp_credentials, after.smtp_credentials);
  if (write.credentials_changed) write.changed.emplace_back(credentials_text.name);
}

}  // namespace

std::vector<FieldText> field_texts() {
  std::vector<FieldText> texts;
  for (const Field& field : policy_fields) texts.push_back(field.text);
  texts.push_back(credentials_text);
  return texts;
}

Parsed<PolicyWrite> parse_policy(const json::object& object, const PolicyFields* stored) {
  BodyReader body(object);
  PolicyWrite write;
  if (stored != nullptr) write.fields = *stored;
  PolicyFields& fields = write.fields;
  if (stored == nullptr && body.find("name") == nullptr)
    body.missing("name", "is required: a display name of 1 to 100 characters");
  for (const Field& field : policy_fields) field.read(body, field.text.name, fields);
  auto credentials =
      read_credentials(body, stored == nullptr ? nullptr : &stored->smtp_credentials);
  if (credentials) {
    fields.smtp_credentials = std::move(credentials->credentials);
    write.to_hash = std::move(credentials->to_hash);
  }
  body.refuse_unknown(writable_policy_fields(), read_only_policy_fields, "policy");
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
  json::array usernames;
  for (const CredentialFields& credential : fields.smtp_credentials) {
    usernames.emplace_back(credential.username);
  }
  json::object shown;
  for (const Field& field : policy_fields) {
    if (!field.text.if_set || field.is_set(fields)) shown[field.text.name] = field.shown(fields);
  }
  shown["smtp_usernames"] = std::move(usernames);
  return shown;
}

std::string definition_of(const PolicyFields& fields) {
  const PolicyFields unset;
  json::object definition;
  for (const Field& field : policy_fields) {
    if (field.recorded == Recorded::always || !field.same(fields, unset))
      definition[field.text.name] = field.to_record(fields);
  }
  return json::serialize(definition);
}

Result<PolicyFields> fields_of(std::string_view definition) {
  boost::system::error_code bad;
  const json::value parsed = json::parse({definition.data(), definition.size()}, bad);
  if (bad || !parsed.is_object()) {
    return fail(Fault::malformed, "a recorded policy definition is not a JSON object");
  }
  const json::object& object = parsed.get_object();
  PolicyFields fields;
  try {
    for (const Field& field : policy_fields) {
      const json::value* value = object.if_contains(field.text.name);
      if (value != nullptr || field.recorded == Recorded::always)
        field.from_record(value != nullptr ? *value : object.at(field.text.name), fields);
    }
  } catch (const std::exception& error) {  // a member is missing or of another type
    return fail(Fault::malformed, std::string("a recorded policy definition: ") + error.what());
  }
  return fields;
}

}  // namespace postern::dialect::webhook
