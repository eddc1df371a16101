// Reads the queues helper's data files. Every mistake is reported, because a misread key could open
// a tenant that its owner believes is closed.
#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/mistakes.h"
#include "dialect/kumo/queue_options.h"
#include "dialect/kumo/queues.h"

namespace postern::dialect::kumo {

namespace {

class QueuesReader {
 public:
  explicit QueuesReader(const MergedData& data) : data_(data), mistakes_(data) {}

  Result<QueuesConfig> read() {
    for (const auto& [key, value] : data_.value()) read_setting(key, value);
    check_default_tenant();
    if (const auto result = mistakes_.result(); !result) return tl::unexpected(result.error());
    return std::move(config_);
  }

 private:
  void read_setting(std::string_view key, const json::value& value) {
    const std::string here = below("", key);
    if (key == "tenant_header") {
      config_.tenant_header = header(here, value);
      config_.tenant_header_place = data_.place(here);
    } else if (key == "campaign_header") {
      config_.campaign_header = header(here, value);
    } else if (key == "scheduling_header") {
      config_.scheduling_header = header(here, value);
      config_.scheduling_header_place = data_.place(here);
    } else if (key == "default_tenant") {
      config_.default_tenant = mistakes_.text(here, value);
      config_.default_tenant_place = data_.place(here);
    } else if (key == "remove_tenant_header") {
      config_.remove_tenant_header = mistakes_.flag(here, value).value_or(false);
    } else if (key == "remove_campaign_header") {
      config_.remove_campaign_header = mistakes_.flag(here, value).value_or(false);
    } else if (key == "hide_tenant_names") {
      config_.hide_tenant_names = mistakes_.flag(here, value).value_or(false);
    } else if (key == "tenant" || key == "tenants") {
      read_tenants(here, value);
    } else if (key == "queue" || key == "queues") {
      read_queues(here, value);
    } else {
      mistakes_.unknown_key(here, key,
                            {"tenant_header", "campaign_header", "scheduling_header",
                             "default_tenant", "remove_tenant_header", "remove_campaign_header",
                             "hide_tenant_names", "tenant", "queue"});
    }
  }

  /// The name of a header field (RFC 5322 §3.6.8: printable ASCII without a colon).
  std::optional<std::string> header(const std::string& here, const json::value& value) {
    auto name = mistakes_.text(here, value);
    if (!name) return name;
    for (const char c : *name) {
      if (is_printable_ascii(c) && c != ' ' && c != ':') continue;
      mistakes_.add(here, "must be the name of a header field, such as 'X-Tenant'");
      return std::nullopt;
    }
    return name;
  }

  void read_option(const std::string& here, std::string_view name, const json::value& value,
                   json::object& options) {
    if (const std::string wrong = check_queue_option(name, value); !wrong.empty()) {
      mistakes_.add(here, wrong);
      return;
    }
    options[name] = value;
    if (!instead_of_queue_option(name).empty()) {
      config_.without_effect.try_emplace(std::string(name), data_.place(here));
    }
  }

  /// A table that holds only options.
  json::object read_options(const std::string& at, const json::value& value) {
    json::object options;
    const json::object* table = mistakes_.table(at, value);
    if (!table) return options;
    for (const auto& [key, option] : *table) {
      const std::string here = below(at, key);
      if (is_queue_option(key)) {
        read_option(here, key, option, options);
      } else {
        mistakes_.unknown_key(here, key, queue_options());
      }
    }
    return options;
  }

  void read_tenants(const std::string& at, const json::value& value) {
    const json::object* table = mistakes_.table(at, value);
    if (!table) return;
    for (const auto& [name, settings] : *table) {
      const std::string here = below(at, name);
      if (!mistakes_.not_empty(here, name)) continue;
      Tenant& tenant = config_.tenants[std::string(name)];
      tenant.place = data_.place(here);
      const json::object* keys = mistakes_.table(here, settings);
      if (!keys) continue;
      for (const auto& [key, setting] : *keys) {
        read_tenant_key(below(here, key), key, setting, tenant);
      }
    }
  }

  void read_tenant_key(const std::string& here, std::string_view key, const json::value& value,
                       Tenant& tenant) {
    if (key == "require_authz") {
      tenant.require_authz_place = data_.place(here);
      if (const auto identities = mistakes_.texts(here, value)) {
        tenant.require_authz.emplace(identities->begin(), identities->end());
      }
    } else if (key == "campaigns") {
      if (const json::object* table = mistakes_.table(here, value)) {
        read_campaigns(here, *table, tenant.campaigns);
      }
    } else if (is_queue_option(key)) {
      read_option(here, key, value, tenant.options);
    } else {
      std::vector<std::string_view> known = queue_options();
      known.insert(known.end(), {"require_authz", "campaigns"});
      mistakes_.unknown_key(here, key, known);
    }
  }

  void read_campaigns(const std::string& at, const json::object& table,
                      TextMap<json::object>& campaigns) {
    for (const auto& [name, options] : table) {
      const std::string here = below(at, name);
      if (mistakes_.not_empty(here, name))
        campaigns[std::string(name)] = read_options(here, options);
    }
  }

  void read_queues(const std::string& at, const json::value& value) {
    const json::object* table = mistakes_.table(at, value);
    if (!table) return;
    for (const auto& [domain, settings] : *table) {
      const std::string here = below(at, domain);
      if (!mistakes_.not_empty(here, domain)) continue;
      if (domain == "default") {
        config_.any_domain = read_options(here, settings);
      } else if (const auto scope = config_.domains.entry(domain); !scope) {
        mistakes_.add(here, scope.error().message);
      } else if (const json::object* keys = mistakes_.table(here, settings)) {
        read_scope(here, *keys, **scope);
      }
    }
  }

  void read_scoped_tenant(const std::string& here, std::string_view name, const json::object& table,
                          QueueScope& scope) {
    if (!mistakes_.not_empty(here, name)) return;
    config_.scoped_tenants.emplace_back(name, data_.place(here));
    read_tenant_scope(here, table, scope.tenants[std::string(name)]);
  }

  /// A table whose name is not an option belongs to the tenant of that name; `tenants` has such
  /// tables by name.
  void read_scope(const std::string& at, const json::object& keys, QueueScope& scope) {
    for (const auto& [key, value] : keys) {
      const std::string here = below(at, key);
      if (is_queue_option(key)) {
        read_option(here, key, value, scope.options);
      } else if (const json::object* table = value.if_object(); !table) {
        mistakes_.unknown_key(here, key, queue_options());
      } else if (key == "tenants") {
        for (const auto& [name, of_tenant] : *table) {
          const std::string inside = below(here, name);
          const json::object* options = mistakes_.table(inside, of_tenant);
          if (options != nullptr) read_scoped_tenant(inside, name, *options, scope);
        }
      } else {
        read_scoped_tenant(here, key, *table, scope);
      }
    }
  }

  /// A table whose name is not an option belongs to the campaign of that name; `campaigns` has
  /// such tables by name.
  void read_tenant_scope(const std::string& at, const json::object& keys,
                         QueueScope::OfTenant& scope) {
    for (const auto& [key, value] : keys) {
      const std::string here = below(at, key);
      if (is_queue_option(key)) {
        read_option(here, key, value, scope.options);
      } else if (!value.is_object()) {
        mistakes_.unknown_key(here, key, queue_options());
      } else if (key == "campaigns") {
        read_campaigns(here, value.get_object(), scope.campaigns);
      } else if (mistakes_.not_empty(here, key)) {
        scope.campaigns[std::string(key)] = read_options(here, value);
      }
    }
  }

  void check_default_tenant() {
    if (!config_.default_tenant || config_.tenants.contains(*config_.default_tenant)) return;
    std::vector<std::string_view> names;
    for (const auto& [name, tenant] : config_.tenants) names.push_back(name);
    const auto near = nearest(*config_.default_tenant, names);
    mistakes_.add(
        "/default_tenant",
        fmt::format(
            "names the tenant `{}`, which is not defined{}", printable(*config_.default_tenant, 64),
            near ? fmt::format("; did you mean `{}`?", printable(*near, 64)) : std::string()));
  }

  const MergedData& data_;
  Mistakes mistakes_;
  QueuesConfig config_;
};

}  // namespace

Result<QueuesConfig> load_queues(const std::vector<DataFile>& sources) {
  MergedData merged;
  for (const DataFile& source : sources) {
    if (const auto added = merged.add(source); !added) return tl::unexpected(added.error());
  }
  return QueuesReader(merged).read();
}

}  // namespace postern::dialect::kumo
