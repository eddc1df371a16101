#include "serve/stored_policies.h"

#include "admin/publisher.h"

namespace postern::app {

Result<StoredPolicies> stored_policies(store::Store& store, const std::string& public_domain) {
  StoredPolicies all{.directory = std::make_shared<policy::Directory>(), .webhooks = {}};
  admin::Publisher publisher(store, *all.directory, public_domain);
  if (Result<void> loaded = publisher.load(); !loaded) return tl::unexpected(loaded.error());
  const Result<void> read = store.each_webhook([&](const store::WebhookRow& row) {
    all.webhooks.push_back(admin::to_webhook(row, Secret()));
  });
  if (!read) return tl::unexpected(read.error());
  return all;
}

StoredPolicies no_policies(const std::string& public_domain) {
  StoredPolicies none{.directory = std::make_shared<policy::Directory>(), .webhooks = {}};
  none.directory->apply({.put_domains = {public_domain}});
  return none;
}

}  // namespace postern::app
