// Data files of policies: what is read has lines within the text, and what loads decides about any
// message without naming an undefined tenant.
#include <algorithm>

#include "base/text.h"
#include "dialect/kumo/data_file.h"
#include "dialect/kumo/dkim_data.h"
#include "dialect/kumo/listener_domains.h"
#include "dialect/kumo/tenant_lint.h"
#include "invariant.h"

namespace {

using namespace postern;
using namespace postern::dialect::kumo;
using fuzz::must;

void check_decisions(const QueuesConfig& config, std::string_view text) {
  (void)lint_tenants(config);
  // Words of the text itself are the likeliest to be defined names.
  for (const std::string_view word : split(text.substr(0, 512), '\'')) {
    const TenantDecision decision = decide(config, {.tenant_header = std::string(word),
                                                    .campaign_header = std::string(word),
                                                    .authz_id = std::string(word),
                                                    .recipient_domain = std::string(word)});
    must(!decision.tenant || config.tenants.contains(*decision.tenant), "a tenant is defined");
    must(!decision.tenant || decision.refusal.empty(), "who is refused has no tenant");
    for (const char c : decision.refusal) {
      must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a refusal is one line");
    }
    for (const auto& [name, value] : resolve(config, word, word, word)) {
      must(*resolve_option(config, name, word, word, word) == value, "one option as among all");
    }
  }
}

/// What the Lua code of the helper relies on.
void check_signatures(const json::object& data) {
  const json::object& base = data.at("base").as_object();
  for (const char* section : {"domain", "signature"}) {
    for (const auto& [name, settings] : data.at(section).as_object()) {
      const json::object& keys = settings.as_object();
      must(keys.contains("selector") || base.contains("selector"), "a selector is named");
      for (const char* key : {"selector", "filename", "domain"}) {
        must(!keys.contains(key) || keys.at(key).is_string(), "a text is one");
      }
    }
  }
  const json::value* more = base.if_contains("additional_signatures");
  if (more == nullptr || !more->is_array()) return;
  for (const json::value& name : more->get_array()) {
    must(data.at("signature").as_object().contains(name.as_string()), "a signature is defined");
  }
}

void check_file(const std::string& name, std::string_view text) {
  const auto file = parse_data(name, text);
  if (!file) {
    must(file.error().message.starts_with(name + ":"), "an error has its place");
    return;
  }
  const auto last = 1 + std::count(text.begin(), text.end(), '\n');
  for (const auto& [pointer, line] : file->lines) {
    must(line >= 1 && line <= last, "a line of the text");
    boost::system::error_code error;
    must(file->value.find_pointer(pointer, error) != nullptr, "a key that is there has a line");
  }
  if (const auto queues = load_queues({*file, *file})) check_decisions(*queues, text);
  if (const auto signatures = load_dkim_data({*file, *file})) check_signatures(*signatures);
  if (const auto domains = load_listener_domains({*file})) {
    const ListenerDomain* found = find_listener_domain(*domains, "a.example", "192.0.2.1:25");
    if (found) (void)parameters_for(*found, "192.0.2.9:4000", "scott");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_file("data.toml", text);
  check_file("data.json", text);
  return 0;
}
