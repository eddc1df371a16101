#include "dialect/kumo/lib_secrets.h"

#include <cstdlib>

#include "base/text.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/library.h"
#include "script/state.h"
#include "script/vault.h"

namespace postern::dialect::kumo {

using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {

/// Reads the environment at each call.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The fields of a key source that is a table. Errors never show their values.
class Fields {
 public:
  explicit Fields(const json::object& fields) : fields_(fields) {}

  bool has(std::string_view name) const { return fields_.contains(name); }
  std::string text(std::string_view name, std::string otherwise = {}) const {
    const json::value* value = fields_.if_contains(name);
    if (value == nullptr) return otherwise;
    demand(value->is_string(), "key source: " + std::string(name) + " must be a string");
    return std::string(value->get_string());
  }
  void allow(const std::vector<std::string_view>& names) const {
    for (const auto& pair : fields_) {
      const std::string_view key = pair.key();
      demand(std::find(names.begin(), names.end(), key) != names.end(),
             "key source: unknown field '" + printable(key, 64) + "'");
    }
  }

 private:
  const json::object& fields_;
};

script::VaultQuestion vault_question(const Fields& fields) {
  fields.allow({"vault_mount", "vault_path", "vault_key", "vault_address", "vault_token"});
  script::VaultQuestion question{
      .address = fields.text("vault_address", environment("VAULT_ADDR")),
      .token = Secret(fields.text("vault_token", environment("VAULT_TOKEN"))),
      .mount = fields.text("vault_mount"),
      .path = fields.text("vault_path"),
      .key = fields.text("vault_key", "key")};
  demand(fields.has("vault_mount") && fields.has("vault_path"),
         "key source: vault_mount and vault_path belong together");
  demand(!question.address.empty(),
         "Vault: there is neither vault_address nor VAULT_ADDR in the environment");
  demand(!question.token.empty(),
         "Vault: there is neither vault_token nor VAULT_TOKEN in the environment");
  return question;
}

/// Masks a text in logs and errors of this call; if the policy is loading, in those of every hook.
void keep_secret(Call& call, std::string text) {
  if (call.context<void>() == nullptr) call.state().keep_secret(text);
  call.keep_secret(std::move(text));
}

Task<std::string> from_vault(Call& call, script::VaultQuestion question) {
  keep_secret(call, question.token.reveal());
  auto answer = co_await script::read_vault(call.world(), std::move(question), call.deadline());
  const std::optional<Secret> found = value_of(std::move(answer));
  if (!found) throw script::Throw{std::make_shared<NotFound>("Vault has no such secret")};
  co_return found->reveal();
}

Task<std::string> from_table(Call& call, const json::object& table) {
  const Fields fields(table);
  if (fields.has("key_data")) {
    fields.allow({"key_data"});
    co_return fields.text("key_data");
  }
  demand(fields.has("vault_mount") || fields.has("vault_path"),
         "key source: a file's name, {key_data=...}, {vault_mount=..., vault_path=...} or "
         "{event_name=..., event_args={...}} expected");
  std::string octets = co_await from_vault(call, vault_question(fields));
  co_return octets;
}

Task<std::string> source_octets(Call& call, json::value source) {
  // A policy that is rebuilt from its record has none of its secrets.
  if (call.state().files().given) co_return call.state().next_given_secret();
  if (source.is_string()) {
    co_return value_of(call.state().files().read_secret(source.get_string()));
  }
  demand(source.is_object(), "key source: a file's name or a table expected");
  std::string octets = co_await from_table(call, source.get_object());
  co_return octets;
}

constexpr HostFunction secrets_rows[] = {
    {"kumo.secrets.load",
     "source: string|{key_data: string}|{vault_mount: string, vault_path: string, vault_key?: "
     "string, vault_address?: string, vault_token?: string}|{event_name: string, event_args?: "
     "any[]}",
     "string",
     "The octets of a secret. A string names a file, read whole; `key_data` is the secret itself; "
     "`vault_mount` and `vault_path` name a secret of HashiCorp Vault's key-value engine version "
     "2 and its field `vault_key` (default `key`). Without an address and a token VAULT_ADDR and "
     "VAULT_TOKEN are used, read at each call. If a login's hook fails because Vault has no such "
     "secret, the login is refused like one with a wrong password. With `event_name` the handler "
     "of that event, one of the policy's own, is called and returns the secret.",
     with_key_source<bind<&load_key>>},
};

}  // namespace

Task<std::string> load_key(Call& call, json::value source) {
  std::string octets = co_await source_octets(call, std::move(source));
  if (call.context<void>() == nullptr) call.state().keep_loaded_secret(octets);
  keep_secret(call, octets);
  // A log line may contain the secret without the file's last line end.
  const std::string_view shown = trim(octets);
  if (shown.size() != octets.size()) keep_secret(call, std::string(shown));
  co_return octets;
}

int push_key_handler(lua_State* L) {
  if (!lua_istable(L, 1)) return 0;
  const json::value source = script::stack::data_at(L, 1);
  if (!source.is_object()) return 0;
  const Fields fields(source.get_object());
  for (const char* other : {"key_data", "vault_mount", "vault_path"}) {
    if (fields.has(other)) return 0;
  }
  if (!fields.has("event_name")) return 0;
  fields.allow({"event_name", "event_args"});
  const std::string name = fields.text("event_name");
  const Handler* handler = script::State::of(L).user<Handlers>().of(name);
  demand(handler != nullptr, "key source: no handler of `" + printable(name, 64) + "`");
  const json::value* given = source.get_object().if_contains("event_args");
  const bool none = given == nullptr || (given->is_object() && given->get_object().empty());
  demand(none || given->is_array(), "key source: event_args must be a list");
  const json::array arguments = none ? json::array() : given->get_array();
  luaL_checkstack(L, static_cast<int>(arguments.size()) + 2, "event_args");
  lua_rawgeti(L, LUA_REGISTRYINDEX, handler->function);
  for (const json::value& one : arguments) script::stack::push(L, one);
  return 1 + static_cast<int>(arguments.size());
}

int take_handlers_key(lua_State* L) {
  demand(lua_type(L, -1) == LUA_TSTRING, "key source: the handler did not return a string");
  lua_createtable(L, 0, 1);
  lua_insert(L, -2);
  lua_setfield(L, -2, "key_data");
  lua_replace(L, 1);
  return 0;
}

script::HostTable secrets_functions() { return secrets_rows; }

}  // namespace postern::dialect::kumo
