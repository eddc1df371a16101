#include "dialect/kumo/dkim_signer.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.h"
#include "dialect/dkim_work.h"
#include "dialect/kumo/lib_secrets.h"
#include "dialect/kumo/library.h"
#include "dialect/kumo/literal_lint.h"
#include "dialect/kumo/message.h"
#include "mail/address.h"
#include "mailauth/dkim/signature.h"
#include "script/state.h"

namespace postern::script {

/// A recorded signer has no key.
template <>
struct Kept<std::shared_ptr<dialect::kumo::DkimSigner>> {
  using Signer = dialect::kumo::DkimSigner;
  static json::value data(const std::shared_ptr<Signer>& signer) {
    return json::array{json::value(signer->options.domain), json::value(signer->options.selector)};
  }
  static std::shared_ptr<Signer> again(const json::value& data) {
    auto signer = std::make_shared<Signer>();
    signer->options.domain = data.at(0).as_string();
    signer->options.selector = data.at(1).as_string();
    return signer;
  }
};

}  // namespace postern::script

namespace postern::dialect::kumo {

namespace {

namespace dkim = mailauth::dkim;
using script::bind;
using script::Call;
using script::demand;
using ASigner = std::shared_ptr<DkimSigner>;

constexpr std::array<std::string_view, 10> signer_parameters{"domain",
                                                             "selector",
                                                             "headers",
                                                             "key",
                                                             "agent_user_identifier",
                                                             "ttl",
                                                             "over_sign",
                                                             "expiration",
                                                             "header_canonicalization",
                                                             "body_canonicalization"};
/// KumoMTA's parameters that are refused rather than ignored, because they change how receivers
/// judge the signature. A signed length lets anyone append text to the message (RFC 6376 §8.2).
constexpr std::array<std::string_view, 4> refused_parameters{"atps", "atpsh", "body_length",
                                                             "reporting"};
/// Fields that are added to the message after hooks have run; a signature over them would break.
constexpr std::array<std::string_view, 3> written_later{"Received", "Return-Path",
                                                        "Authentication-Results"};

/// Reads and checks the parameters of a signer.
class SignerReader {
 public:
  SignerReader(std::string_view function, const json::object& given)
      : function_(function), given_(given) {}

  DkimSigner read() const {
    for (const auto& [name, value] : given_) check(name, value);
    DkimSigner signer;
    dkim::SignOptions& sign = signer.options;
    // RFC 6376 §3.5: A-labels.
    const auto domain = mail::Domain::parse(text("domain"));
    demand(domain.has_value(), in("domain", "must be a domain"));
    sign.domain = domain->text();
    sign.selector = text("selector");
    sign.identity = given_.contains("agent_user_identifier") ? text("agent_user_identifier") : "";
    sign.fields = fields();
    sign.forms = {.header = form("header_canonicalization"), .body = form("body_canonicalization")};
    if (const json::value* value = given_.if_contains("over_sign")) {
      demand(value->is_bool(), in("over_sign", "must be true or false"));
      signer.over_sign = value->get_bool();
    }
    if (const json::value* value = given_.if_contains("expiration")) {
      demand(value->is_int64() && value->get_int64() > 0,
             in("expiration", "must be a number of seconds"));
      signer.expiration = value->get_int64();
    }
    return signer;
  }

  std::string in(std::string_view name, std::string_view sentence) const {
    return std::string(function_) + ": '" + std::string(name) + "' " + std::string(sentence);
  }

 private:
  void check(std::string_view name, const json::value& value) const {
    const std::string refused = refused_signer_option(name, value.is_bool() && !value.get_bool());
    demand(refused.empty(), std::string(function_) + ": " + refused);
  }

  std::string text(std::string_view name) const {
    const json::value* value = given_.if_contains(name);
    demand(value != nullptr, in(name, "is missing"));
    demand(value->is_string() && !value->get_string().empty(), in(name, "must be text"));
    return std::string(value->get_string());
  }

  dkim::Canonicalization form(std::string_view name) const {
    if (!given_.contains(name)) return dkim::Canonicalization::relaxed;
    const std::string given = lower(text(name));
    demand(given == "relaxed" || given == "simple", in(name, "must be 'Relaxed' or 'Simple'"));
    return given == "simple" ? dkim::Canonicalization::simple : dkim::Canonicalization::relaxed;
  }

  std::vector<std::string> fields() const {
    const json::value* list = given_.if_contains("headers");
    demand(list != nullptr && list->is_array(), in("headers", "must be a list of names"));
    demand(list->get_array().size() <= dkim::max_signed_fields,
           in("headers", "has too many names"));
    std::vector<std::string> names;
    for (const json::value& one : list->get_array()) {
      const std::string name = one.is_string() ? std::string(one.get_string()) : std::string();
      // A semicolon would begin another tag of the signature.
      demand(mail::is_field_name(name) && name.find(';') == std::string::npos,
             in("headers", "must be a list of names"));
      for (const std::string_view later : written_later) {
        demand(!iequals(name, later), in("headers", "cannot have " + std::string(later) +
                                                        ", which is written after the signature"));
      }
      names.push_back(name);
    }
    demand(std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return iequals(name, "from"); }),
           in("headers", "must have From"));  // RFC 6376 §5.4
    return names;
  }

  std::string_view function_;
  const json::object& given_;
};

Task<ASigner> signer_with(Call& call, json::value source, DkimSigner read, dkim::Algorithm wanted,
                          std::string function) {
  auto signer = std::make_shared<DkimSigner>(std::move(read));
  const std::string octets = co_await load_key(call, std::move(source));
  if (call.state().files().given) co_return signer;
  auto key = dkim::SigningKey::from_pem(Secret(octets));
  demand(key.has_value(), function + ": " + (key ? "" : key.error().message));
  demand(key->algorithm() == wanted,
         function + ": the key is one for " + std::string(dkim::to_text(key->algorithm())));
  signer->key = std::make_shared<const dkim::SigningKey>(std::move(*key));
  co_return signer;
}

// Not a coroutine, so that mistakes are reported at the script's line.
Task<ASigner> make_signer(Call& call, json::value source, const json::value& parameters,
                          dkim::Algorithm wanted, std::string function) {
  demand(parameters.is_object(), function + ": a table of parameters is expected");
  const SignerReader reader(function, parameters.get_object());
  DkimSigner signer = reader.read();
  demand(!source.is_null(), reader.in("key", "is missing"));
  return signer_with(call, std::move(source), std::move(signer), wanted, std::move(function));
}

Task<ASigner> rsa_sha256(Call& call, json::value source, json::value parameters) {
  return make_signer(call, std::move(source), parameters, dkim::Algorithm::rsa_sha256,
                     "rsa_sha256_signer");
}
Task<ASigner> ed25519(Call& call, json::value source, json::value parameters) {
  return make_signer(call, std::move(source), parameters, dkim::Algorithm::ed25519_sha256,
                     "ed25519_signer");
}

/// Puts the key's source before the parameters, where with_key_source() expects it.
template <auto function>
int with_key_in_front(lua_State* L) {
  script::stack::guarded(L, [](lua_State* inner) {
    demand(lua_istable(inner, 1), "a table of parameters is expected");
    return 0;
  });
  lua_settop(L, 1);
  lua_pushliteral(L, "key");
  lua_rawget(L, 1);
  lua_insert(L, 1);
  return with_key_source<bind<function>>(L);
}

std::vector<std::string> signed_names(const DkimSigner& signer, const MessageDraft& draft) {
  std::vector<std::string> names = signer.options.fields;
  if (!signer.over_sign) return names;
  std::vector<std::string> all;
  for (const std::string& name : names) {
    const auto is_name = [&](const std::string& other) { return iequals(name, other); };
    if (std::any_of(all.begin(), all.end(), is_name)) continue;
    const auto there =
        std::count_if(draft.header.begin(), draft.header.end(),
                      [&](const MessageDraft::Field& field) { return iequals(field.name, name); });
    all.insert(all.end(), static_cast<std::size_t>(there) + 1, name);
  }
  demand(all.size() <= dkim::max_signed_fields, "dkim_sign: too many fields to sign");
  return all;
}

Task<void> sign(Call& call, std::shared_ptr<DkimSigner> signer) {
  MessageDraft& draft = draft_with_header(call);
  dkim::SignOptions sign = signer->options;
  sign.fields = signed_names(*signer, draft);
  sign.signed_at = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (signer->expiration) sign.expires_at = *sign.signed_at + *signer->expiration;
  const Result<std::string> field = co_await signed_field(
      call.world(), signer->key, std::move(sign), whole_text(hook_of(call), draft));
  demand(field.has_value(), field ? "" : "dkim_sign: " + field.error().message);
  draft.header.insert(draft.header.begin(), {"DKIM-Signature", *field});
  draft.header_changed = true;
}

std::string signer_domain(ASigner signer) { return signer->options.domain; }
std::string selector_of(ASigner signer) { return signer->options.selector; }

Task<void> nothing() { co_return; }

Task<void> dkim_sign(Call& call, std::shared_ptr<Message>, std::shared_ptr<DkimSigner> signer) {
  draft_of(call);
  return call.offline() ? nothing() : sign(call, std::move(signer));
}

constexpr std::string_view signer_help =
    "A signer for a domain. `headers` are the fields that are signed, From among them; "
    "`over_sign` signs each once more than it occurs, so that none can be added. The key, PEM, is "
    "read at once: if it comes from Vault or a database, make signers in a function that "
    "kumo.memoize caches. Records do not hold the key. `ttl` has no effect.";

constexpr script::HostFunction dkim_signer_rows[] = {
    {"kumo.dkim.rsa_sha256_signer", "parameters: DkimParameters", "DkimSigner", signer_help,
     with_key_in_front<&rsa_sha256>},
    {"kumo.dkim.ed25519_signer", "parameters: DkimParameters", "DkimSigner",
     "The same with an Ed25519 key (RFC 8463).", with_key_in_front<&ed25519>},
    {"DkimSigner.domain", "", "string", "Who signs.", bind<&signer_domain>},
    {"DkimSigner.selector", "", "string", "The selector of the key's record.", bind<&selector_of>},
    {"Message:dkim_sign", "signer: DkimSigner", "",
     "Signs the message in its present form and adds the DKIM-Signature field at the top. Later "
     "changes break the signature. A signature that cannot be made is an error, so that mail is "
     "not sent unsigned.",
     bind<&dkim_sign>},
};

}  // namespace

std::span<const std::string_view> needed_signer_options() {
  static constexpr std::string_view needed[] = {"domain", "selector", "headers", "key"};
  return needed;
}

std::string refused_signer_option(std::string_view name, bool off) {
  if (is_one_of(name, signer_parameters)) return {};
  if (is_one_of(name, refused_parameters)) {
    return off ? "" : "'" + std::string(name) + "' is not available in Postern";
  }
  const auto near = nearest(name, {signer_parameters.begin(), signer_parameters.end()});
  return "unknown option '" + printable(name, 64) + "'" +
         (near ? "; did you mean '" + std::string(*near) + "'?" : "");
}

script::HostTable dkim_signer_functions() { return dkim_signer_rows; }

script::SharedClass dkim_signer_class() { return script::shared_class<DkimSigner>(); }

}  // namespace postern::dialect::kumo
