#include "dialect/kumo/dkim_data.h"

#include <array>
#include <span>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/domain_map.h"
#include "dialect/kumo/listener_domains.h"
#include "dialect/kumo/mistakes.h"
#include "dialect/kumo/sources.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace {

using script::Call;

constexpr std::array<std::string_view, 3> sections{"base", "domain", "signature"};
constexpr std::array<std::string_view, 6> everywhere{
    "selector", "headers", "expiration", "header_canonicalization", "body_canonicalization",
    "over_sign"};

/// Reads the sections of the files into the form that the module's Lua source uses.
class DkimDataReader {
 public:
  explicit DkimDataReader(const MergedData& data) : data_(data), mistakes_(data) {}

  Result<json::object> read() {
    for (const auto& [key, value] : data_.value()) {
      const std::string here = below("", key);
      if (key == "base") {
        read_base(here, value);
      } else if (key == "domain" || key == "signature") {
        read_names(here, key, value);
      } else {
        mistakes_.unknown_key(here, key, {sections.begin(), sections.end()});
      }
    }
    check_selectors();
    check_signatures();
    if (const auto result = mistakes_.result(); !result) return tl::unexpected(result.error());
    json::object all = data_.value();
    for (const std::string_view name : sections) {
      if (!all[name].is_object()) all[name] = json::object();
    }
    json::object& domains = all["domain"].emplace_object();
    domains_.for_each([&](std::string_view key, const json::object& settings) {
      domains.insert_or_assign(key, settings);
    });
    return all;
  }

 private:
  void read_base(const std::string& at, const json::value& value) {
    const json::object* table = mistakes_.table(at, value);
    if (!table) return;
    for (const auto& [key, one] : *table) {
      const std::string here = below(at, key);
      if (key == "vault_mount" || key == "vault_path_prefix") {
        mistakes_.text(here, one);
      } else if (key == "additional_signatures") {
        mistakes_.texts(here, one);
      } else if (key == "policy") {
        one_of(here, one, {"Always"});
      } else {
        read_common(here, key, one,
                    {"vault_mount", "vault_path_prefix", "additional_signatures", "policy"});
      }
    }
  }

  void read_names(const std::string& at, std::string_view section, const json::value& value) {
    const json::object* names = mistakes_.table(at, value);
    if (!names) return;
    for (const auto& [name, settings] : *names) {
      const std::string here = below(at, name);
      const json::object* table = mistakes_.table(here, settings);
      if (section == "domain") {
        const Result<json::object*> entry = domains_.entry(name);
        if (!entry) {
          mistakes_.add(here, entry.error().message);
        } else if (table) {
          **entry = *table;
        }
      }
      if (!table) continue;
      for (const auto& [key, one] : *table) read_key(below(here, key), section, key, one);
      if (section == "signature" && !table->contains("domain")) {
        mistakes_.add(here, "has no `domain` to sign for");
      }
    }
  }

  void read_key(const std::string& here, std::string_view section, std::string_view key,
                const json::value& value) {
    const bool signature = section == "signature";
    if (key == "algo") {
      one_of(here, value, {"sha256", "ed25519"});
    } else if (key == "policy" && signature) {
      one_of(here, value, {"Always", "OnlyIfMissingDomainBlock"});
    } else if (key == "policy") {
      one_of(here, value, {"Always"});
    } else if (key == "filename" || (key == "domain" && signature)) {
      mistakes_.text(here, value);
    } else {
      read_common(here, key, value, {"algo", "policy", "filename"});
    }
  }

  /// The keys that every section may have.
  void read_common(const std::string& here, std::string_view key, const json::value& value,
                   std::vector<std::string_view> others) {
    if (key == "selector") {
      mistakes_.text(here, value);
    } else if (key == "headers") {
      mistakes_.texts(here, value);
    } else if (key == "expiration") {
      if (!value.is_int64() || value.get_int64() <= 0) {
        mistakes_.add(here, "must be a number of seconds");
      }
    } else if (key == "header_canonicalization" || key == "body_canonicalization") {
      one_of(here, value, {"Relaxed", "Simple"});
    } else if (key == "over_sign") {
      mistakes_.flag(here, value);
    } else {
      others.insert(others.end(), everywhere.begin(), everywhere.end());
      mistakes_.unknown_key(here, key, others);
    }
  }

  void one_of(const std::string& here, const json::value& value,
              const std::vector<std::string_view>& words) {
    for (const std::string_view word : words) {
      if (value.is_string() && std::string_view(value.get_string()) == word) return;
    }
    std::string list;
    for (const std::string_view word : words) {
      list += (list.empty() ? "'" : " or '") + std::string(word) + "'";
    }
    mistakes_.add(here, "must be " + list);
  }

  /// Null if there is no such table.
  const json::object* table_at(std::string_view section) const {
    const json::value* value = data_.value().if_contains(section);
    return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
  }

  void check_selectors() {
    const json::object* base = table_at("base");
    if (base != nullptr && base->contains("selector")) return;
    for (const std::string_view section : {"domain", "signature"}) {
      const json::object* names = table_at(section);
      if (names == nullptr) continue;
      for (const auto& [name, settings] : *names) {
        if (settings.is_object() && settings.get_object().contains("selector")) continue;
        mistakes_.add(below(below("", section), name), "has no `selector`, and neither has `base`");
      }
    }
  }

  void check_signatures() {
    const json::object* base = table_at("base");
    const json::value* list =
        base != nullptr ? base->if_contains("additional_signatures") : nullptr;
    if (list == nullptr || !list->is_array()) return;
    const json::object* signatures = table_at("signature");
    for (const json::value& one : list->get_array()) {
      if (!one.is_string()) continue;
      const std::string_view name = one.get_string();
      if (signatures != nullptr && signatures->contains(name)) continue;
      mistakes_.add("/base/additional_signatures",
                    fmt::format("names `{}`, which no [signature] defines", printable(name, 64)));
    }
  }

  const MergedData& data_;
  Mistakes mistakes_;
  DomainMap<json::object> domains_;
};

Task<json::value> load_of(Call& call, json::value sources, std::string place) {
  const std::vector<DataFile> files =
      co_await read_sources(call, std::move(sources), std::move(place));
  Result<json::object> data = load_dkim_data(files);
  if (!data) throw script::PlacedError(data.error().message);
  co_return std::move(*data);
}

// Not a coroutine: a script's place is known only before it is suspended.
Task<json::value> dkim_data_load(Call& call, json::value sources) {
  return load_of(call, std::move(sources), call.state().place());
}

std::string one_spelling(std::string domain) { return domain_to_find(domain); }

constexpr script::HostFunction dkim_data_rows[] = {
    {"kumo.postern.one_spelling", "domain: string", "string",
     "A domain in the form that DomainMap uses: lower case, A-labels, no trailing dot.",
     script::bind<&one_spelling>},
    {"kumo.postern.dkim_data_load", "sources: (string|table)[]", "table",
     "Reads and checks the data files of the dkim_sign helper. Callable only while the policy "
     "loads.",
     script::bind<&dkim_data_load>},
};

constexpr script::HostFunction module_rows[] = {
    {"policy-extras.dkim_sign:setup", "file_names: (string|table)[]", "fun(msg: Message)",
     "Reads and checks the files; the result signs a message for the domain of its From field, "
     "and with the signatures of `base.additional_signatures`. Callable once, while the policy "
     "loads. Keys are read again after five minutes; key files must exist when the policy loads.",
     nullptr},
};

constexpr std::string_view module_text = R"lua(
local kumo = require 'kumo'
local module = {}
local configured = false
local folder = '/opt/kumomta/etc/dkim'
local usual_headers = { 'From', 'To', 'Subject', 'Date', 'MIME-Version', 'Content-Type', 'Sender' }

local function parameters_of(domain, settings, base)
  local parameters = { domain = domain, over_sign = settings.over_sign }
  if parameters.over_sign == nil then
    parameters.over_sign = base.over_sign
  end
  for _, name in ipairs {
    'selector',
    'headers',
    'expiration',
    'header_canonicalization',
    'body_canonicalization',
  } do
    parameters[name] = settings[name] or base[name]
  end
  parameters.headers = parameters.headers or usual_headers
  local below = domain .. '/' .. parameters.selector .. '.key'
  if base.vault_mount then
    local prefix = (base.vault_path_prefix or 'dkim'):gsub('/+$', '')
    parameters.key = {
      vault_mount = base.vault_mount,
      vault_path = settings.filename or prefix .. '/' .. below,
    }
  else
    parameters.key = settings.filename or folder .. '/' .. below
  end
  return parameters
end

local function made(domain, settings, base)
  local make = settings.algo == 'ed25519' and kumo.dkim.ed25519_signer or kumo.dkim.rsa_sha256_signer
  local signer = make(parameters_of(domain, settings, base))
  return signer
end

function module:setup(file_names)
  if configured then
    error('the dkim_sign helper has already been configured; name all files in one setup', 2)
  end
  configured = true
  local data = kumo.postern.dkim_data_load(file_names)
  local base = data.base
  local domains = kumo.domain_map.new(data.domain)
  local remembered = kumo.memoize(function(domain, name)
    local signer = made(domain, name and data.signature[name] or domains[domain], base)
    return signer
  end, { name = 'policy-extras.dkim_sign', ttl = '5 minutes', capacity = 10000 })

  if not base.vault_mount then
    for domain, settings in pairs(data.domain) do
      if domain:sub(1, 1) ~= '*' then
        made(domain, settings, base)
      end
    end
    for _, name in ipairs(base.additional_signatures or {}) do
      made(data.signature[name].domain, data.signature[name], base)
    end
  end

  return function(msg)
    local from = msg:from_header()
    if not from then
      kumo.reject(552, '5.6.0 a From field is needed for the DKIM signature')
    end
    local domain = kumo.postern.one_spelling(from.domain)
    local settings = domains[domain]
    if settings then
      msg:dkim_sign(remembered(domain, nil))
    end
    for _, name in ipairs(base.additional_signatures or {}) do
      local signature = data.signature[name]
      if not (settings and signature.policy == 'OnlyIfMissingDomainBlock') then
        msg:dkim_sign(remembered(signature.domain, name))
      end
    end
  end
end

return module
)lua";

}  // namespace

Result<json::object> load_dkim_data(const std::vector<DataFile>& files) {
  MergedData data;
  for (const DataFile& file : files) {
    if (auto added = data.add(file); !added) return tl::unexpected(added.error());
  }
  return DkimDataReader(data).read();
}

std::string_view dkim_sign_module_text() { return module_text; }
script::HostTable dkim_sign_module_rows() { return module_rows; }
script::HostTable dkim_data_functions() { return dkim_data_rows; }

}  // namespace postern::dialect::kumo
