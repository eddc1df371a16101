#include "serve/first_steps.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <boost/json.hpp>

#include "admin/digest.h"
#include "admin/passwords.h"
#include "base/text.h"
#include "base/ulid.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/fields.h"
#include "serve/instance.h"
#include "serve/one_time_links.h"
#include "telemetry/log.h"

namespace postern::app {

namespace {

constexpr std::string_view owner_email = "owner@localhost.localdomain";
constexpr std::string_view open_name = "first inbox";
constexpr std::string_view closed_name = "refuses this machine";
/// A documentation network (RFC 5737 §3), in which this machine has no address.
constexpr std::string_view far_network = "203.0.113.0/24";

/// `details`: in the API's form for the same action.
store::AuditRow audit(const std::string& account, std::string_view action,
                      boost::json::object details) {
  return {.id = new_id("al_"),
          .account_id = account,
          .action = std::string(action),
          .details = boost::json::serialize(details),
          .ip = "127.0.0.1",
          .actor = account,
          .created_at = store::now()};
}

/// The program as it was called, so that users can paste the commands shown.
std::string program_name() {
  std::ifstream line("/proc/self/cmdline", std::ios::binary);
  std::string name;
  std::getline(line, name, '\0');
  return name.empty() ? "postern" : name;
}

store::WebhookRow webhook_row(const std::string& account, std::string_view name,
                              const std::string& domain) {
  store::WebhookRow row{.id = new_id("wh_"), .account_id = account, .name = std::string(name)};
  row.address = lower(fmt::format("webhook-{}@{}", row.id.substr(3), domain));
  row.target_url = "inbox";
  row.secret = Secret("whsec_" + base64_encode(admin::random_bytes(32)));
  row.created_at = row.updated_at = store::now();
  return row;
}

std::string password_file(const Instance& instance) {
  return instance.config().server.data_dir.string() + "/owner-password";
}

/// Whether the password file of the first start is still valid. An outdated file is removed.
bool has_first_password(const Instance& instance, const store::AccountRow& owner) {
  const std::string path = password_file(instance);
  std::ifstream file(path);
  std::string text;
  if (!std::getline(file, text)) return false;
  if (admin::is_password(Secret(std::move(text)), owner.password_hash)) return true;
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return false;
}

/// An account, a policy and two webhooks. The password file is written first, so that there is
/// never an account with an unknown password.
Result<void> make_first_objects(Instance& instance) {
  const std::string password = base64url_encode(admin::random_bytes(18));
  const std::string file = password_file(instance);
  const ::mode_t before = ::umask(0077);
  std::ofstream out(file);
  ::umask(before);
  out << password << '\n';
  if (!out.flush()) return fail(Fault::permanent, "cannot write " + file);

  store::AccountRow account{.id = new_id("acc_"),
                            .email = std::string(owner_email),
                            .password_hash = admin::hash_password(Secret(password))};
  account.created_at = account.updated_at = store::now();
  auto audit_row = audit(account.id, "account.created",
                         {{"id", account.id}, {"email", owner_email}, {"by", "first start"}});
  if (auto made = instance.store().create_account(account, &audit_row); !made) {
    return tl::unexpected(made.error());
  }
  store::PolicyRow policy{.id = new_id("pol_"), .account_id = account.id, .name = "office-only"};
  dialect::webhook::PolicyFields fields{.name = policy.name};
  fields.allowed_source_ips = {*Cidr::parse(far_network)};
  policy.definition = dialect::webhook::compile(policy.id, account.id, 1, 1, fields)->definition;
  policy.created_at = policy.updated_at = store::now();
  if (auto made = instance.publisher().create_policy(
          policy,
          audit(account.id, "smtp_policy.created", {{"id", policy.id}, {"name", policy.name}}));
      !made) {
    return tl::unexpected(made.error());
  }
  const std::string& domain = instance.config().webhooks.public_domain;
  store::WebhookRow open = webhook_row(account.id, open_name, domain);
  store::WebhookRow closed = webhook_row(account.id, closed_name, domain);
  closed.policy_id = policy.id;
  for (const store::WebhookRow& row : {open, closed}) {
    if (auto made = instance.publisher().create_webhook(
            row, audit(account.id, "webhook.created",
                       {{"id", row.id}, {"name", row.name}, {"email_address", row.address}}));
        !made) {
      return tl::unexpected(made.error());
    } else if (*made != store::WriteOutcome::done) {
      return fail(
          Fault::permanent,
          fmt::format("the webhook `{}` of the first start cannot be made: limits.account_* "
                      "leave no room for it",
                      row.name));
    }
  }
  return {};
}

/// Where the pages are. An owner who has never logged in gets a link for setting a password.
std::string open_the_pages(Instance& instance, const store::AccountRow& owner) {
  const std::string url = instance.config().api.base_url();
  if (owner.last_seen_at) return fmt::format("Open {}/app/\n", url);
  const auto link = make_reset_link(instance.store(), owner.email, url);
  if (!link) {
    telemetry::log::warning("server.ready").field("error", link.error().message);
    return fmt::format("Open {}/app/\n", url);
  }
  return fmt::format("Open {} and choose a password (within an hour)\n", link->url);
}

}  // namespace

std::optional<std::string> first_steps(Instance& instance) {
  auto owner = instance.store().account_by_email(owner_email);
  if (!owner) return std::nullopt;
  if (!*owner) {
    const auto accounts = instance.store().accounts({.offset = 0, .limit = 1});
    if (!accounts || accounts->total > 0) return std::nullopt;  // an account exists
    if (auto made = make_first_objects(instance); !made) {
      telemetry::log::warning("server.ready").field("error", made.error().message);
      return std::nullopt;
    }
    owner = instance.store().account_by_email(owner_email);
    if (!owner || !*owner) return std::nullopt;
  }
  const auto webhooks = instance.store().webhooks((*owner)->id, store::WebhookFilter::active, {});
  if (!webhooks) return std::nullopt;
  std::string open;
  std::string closed;
  for (const store::WebhookRow& row : webhooks->rows) {
    if (row.name == open_name) open = row.address;
    if (row.name == closed_name) closed = row.address;
  }
  if (open.empty() || closed.empty()) return std::nullopt;
  const Endpoint& smtp = instance.config().listeners.front().address;
  const std::string data = instance.config().server.data_dir.string();
  const bool first_password = has_first_password(instance, **owner);
  const std::string sign_in = fmt::format(
      "  curl -s {}/api/v1/sessions -H 'Content-Type: application/json' -d "
      "\"{{\\\"email\\\":\\\"{}\\\",\\\"password\\\":\\\"{}\\\"}}\"\n",
      instance.config().api.base_url(), owner_email,
      first_password ? fmt::format("$(cat {}/owner-password)", data) : "the one you chose");
  return open_the_pages(instance, **owner) +
         fmt::format(
             "Send a first message, then read it:\n"
             "  swaks --server {0} --from you@example.org --to {1}\n"
             "  {6} inbox --data-dir {3}\n"
             "See one refused, then ask why (the log below names the ID):\n"
             "  swaks --server {0} --from you@example.org --to {2}\n"
             "  {6} explain --data-dir {3} ID\n"
             "Sign in to the API as {4}; the password is {5}:\n{7}"
             "Stop with Ctrl-C. What is decided from here on:\n\n",
             smtp.to_string(), open, closed, data, owner_email,
             first_password ? "in " + password_file(instance) : "the one that you chose",
             program_name(), sign_in);
}

}  // namespace postern::app
