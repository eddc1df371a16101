#include "serve/one_time_links.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/links.h"
#include "base/text.h"
#include "base/ulid.h"

namespace postern::app {

Result<ShownLink> make_reset_link(store::Store& store, const std::string& email,
                                  const std::string& public_url) {
  const auto account = store.account_by_email(email);
  if (!account) return tl::unexpected(account.error());
  if (!*account || (*account)->role == store::Role::none) {
    return fail(Fault::not_found, fmt::format("there is no account {}", printable(email, 64)));
  }
  admin::NewLink link = admin::new_link(store::LinkRow::Kind::reset, public_url, store::now());
  link.row.account_id = (*account)->id;
  link.row.email = (*account)->email;
  const store::AuditRow audit{
      .id = new_id("al_"),
      .account_id = (*account)->team_id,
      .action = "member.reset_link_created",
      .details = boost::json::serialize(boost::json::object{
          {"id", (*account)->id}, {"email", (*account)->email}, {"by", "command line"}}),
      .ip = "",
      .actor = "command line",
      .created_at = link.row.created_at};
  const Result<store::WriteOutcome> kept = store.create_link(link.row, link.hash, &audit);
  if (!kept) return tl::unexpected(kept.error());
  if (*kept != store::WriteOutcome::done)
    return fail(Fault::conflict, "the account has just been deleted");
  return ShownLink{std::move(link.url), link.row.expires_at};
}

Result<std::optional<ShownLink>> make_owner_link(store::Store& store, const std::string& public_url,
                                                 std::optional<std::chrono::minutes> lifetime) {
  const auto accounts = store.accounts({.offset = 0, .limit = 1});
  if (!accounts) return tl::unexpected(accounts.error());
  if (accounts->total > 0) return std::nullopt;
  admin::NewLink link = admin::new_link(store::LinkRow::Kind::owner, public_url, store::now());
  if (lifetime) link.row.expires_at = link.row.created_at + *lifetime;
  const Result<store::WriteOutcome> kept = store.create_link(link.row, link.hash, nullptr);
  if (!kept) return tl::unexpected(kept.error());
  return ShownLink{std::move(link.url), link.row.expires_at};
}

}  // namespace postern::app
