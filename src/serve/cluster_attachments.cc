#include "serve/cluster_attachments.h"

#include <utility>
#include <vector>

#include "spool/body.h"
#include "spool/pgsql_parts.h"
#include "telemetry/log.h"
#include "telemetry/outage.h"

namespace postern::app {
namespace {

namespace pg = net::pgsql;
using spool::number;
using spool::part_octets;
using spool::time_of;
using Ask = spool::PgsqlConversations::Ask;
using Failed = tl::expected<void, net::PgsqlFailure>;

/// How long a delivery waits for the database.
constexpr std::chrono::seconds attachment_patience{10};
/// See DeliveryLog::attachment().
constexpr std::chrono::hours remember_links{30 * 24};

/// Runs statements one after the other.
struct Step {
  const char* sql;
  std::vector<net::PgsqlValue> values;
};
spool::PgsqlConversations::Converse all_of(std::vector<Step> steps) {
  return [steps = std::move(steps)](const Ask& ask, bool) -> Failed {
    for (const Step& step : steps) {
      if (auto said = ask(step.sql, step.values); !said) return tl::unexpected(said.error());
    }
    return {};
  };
}

}  // namespace

/// Octets that wait for their transaction.
class ClusterAttachments::Rows final : public Octets {
 public:
  Rows(ClusterAttachments& owner, std::string name)
      : owner_(owner), name_(std::move(name)), body_(owner.temporary_directory_) {}

  Result<void> append(std::string_view octets) override { return body_.append(octets); }

  Result<void> finish(std::span<const store::AttachmentRow> rows) override {
    const Result<std::string_view> view = body_.view();
    if (!view) return tl::unexpected(view.error());
    const auto converse = [&, octets = *view](const Ask& ask, bool again) -> Failed {
      if (again) {
        // It writes if an earlier run was committed, so that this one waits for the standby too.
        const auto there =
            ask("UPDATE attachment SET path = path WHERE path = $1", {pg::text(name_)});
        if (!there) return tl::unexpected(there.error());
        if (there->changed() > 0) return {};
      }
      std::int64_t n = 0;
      for (std::size_t at = 0; at < octets.size(); at += part_octets) {
        const auto stored =
            ask("INSERT INTO attachment_part (path, n, data) VALUES ($1, $2, $3)",
                {pg::text(name_), pg::integer(n++), pg::bytes(octets.substr(at, part_octets))});
        if (!stored) return tl::unexpected(stored.error());
      }
      for (const store::AttachmentRow& row : rows) {
        const auto stored =
            ask("INSERT INTO attachment (id, webhook_id, message_id, path, start, filename, "
                "content_type, size, token_hash, created_at, expires_at, kept_until) VALUES ($1, "
                "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                {pg::text(row.id), pg::text(row.webhook_id), pg::text(row.message_id),
                 pg::text(row.path), number(row.start), pg::bytes(row.filename),
                 pg::bytes(row.content_type), number(row.size), pg::bytes(row.token_hash.reveal()),
                 pg::time(row.created_at), pg::time(row.expires_at), pg::time(row.kept_until)});
        if (!stored) return tl::unexpected(stored.error());
      }
      return {};
    };
    Result<void> done = owner_.writing_.run(name_, converse, view->size());
    body_.clear();
    return done;
  }

 private:
  ClusterAttachments& owner_;
  const std::string name_;
  spool::Body body_;
};

ClusterAttachments::ClusterAttachments(cluster::Database& database, std::string temporary_directory,
                                       std::string public_url)
    : Attachments(std::move(public_url)),
      temporary_directory_(std::move(temporary_directory)),
      reading_(std::make_shared<spool::PgsqlReader>(database)),
      writing_(database, {.thread = "attachments", .jobs = 16, .patience = attachment_patience}) {}

Result<std::unique_ptr<Attachments::Octets>> ClusterAttachments::create(const std::string& name) {
  return std::unique_ptr<Octets>(std::make_unique<Rows>(*this, name));
}

void ClusterAttachments::keep(const std::string& name, deliver::LinkedFiles::Done done) {
  writing_.submit(name,
                  all_of({{"UPDATE attachment SET expires_at = kept_until WHERE path = $1 AND "
                           "kept_until > expires_at AND webhook_id <> ''",
                           {pg::text(name)}}}),
                  [done = std::move(done)](const Result<void>& result) { done(result); });
}

void ClusterAttachments::drop(const std::string& name, bool kept_too) {
  writing_.submit(
      name,
      all_of(
          {{"DELETE FROM attachment WHERE path = $1 AND ($2::boolean OR expires_at < kept_until)",
            {pg::text(name), pg::boolean(kept_too)}},
           {"DELETE FROM attachment_part WHERE path = $1 AND NOT EXISTS (SELECT 1 FROM "
            "attachment WHERE path = $1)",
            {pg::text(name)}}}),
      [](const Result<void>& result) {
        if (result) return;  // the rows expire
        telemetry::log::store_error(result.error());
      });
}

Result<std::optional<store::AttachmentRow>> ClusterAttachments::find(std::string_view id) {
  const auto rows = reading_->ask(
      {.sql = "SELECT id, webhook_id, path, start, filename, content_type, size, token_hash, "
              "created_at, expires_at FROM attachment WHERE id = $1",
       .values = {pg::text(id)}});
  if (!rows) return tl::unexpected(rows.error());
  if (rows->size() == 0) return std::nullopt;
  return store::AttachmentRow{.id = rows->text(0, 0),
                              .webhook_id = rows->text(0, 1),
                              .path = rows->text(0, 2),
                              .start = static_cast<std::uint64_t>(rows->integer(0, 3)),
                              .filename = rows->text(0, 4),
                              .content_type = rows->text(0, 5),
                              .size = static_cast<std::uint64_t>(rows->integer(0, 6)),
                              .token_hash = Secret(rows->text(0, 7)),
                              .created_at = time_of(*rows, 0, 8),
                              .expires_at = time_of(*rows, 0, 9)};
}

Result<std::optional<store::LinkedOctets::Source>> ClusterAttachments::open(
    const store::AttachmentRow& row) {
  const auto there =
      reading_->ask({.sql = "SELECT coalesce(sum(length(data)), 0)::bigint FROM attachment_part "
                            "WHERE path = $1",
                     .values = {pg::text(row.path)}});
  if (!there) return tl::unexpected(there.error());
  if (static_cast<std::uint64_t>(there->integer(0, 0)) < row.start + row.size) return std::nullopt;
  return [reader = reading_, path = row.path, at = row.start,
          end = row.start + row.size]() mutable -> Result<std::string> {
    if (at == end) return std::string();
    const auto rows =
        reader->ask({.sql = "SELECT data FROM attachment_part WHERE path = $1 AND n = $2",
                     .values = {pg::text(path), number(at / part_octets)}});
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() == 0) return fail(Fault::temporary, "an attachment is gone");
    std::string piece(rows->octets(0, 0).substr(at % part_octets, end - at));
    at += piece.size();
    if (piece.empty()) return fail(Fault::permanent, "an attachment ends too early");
    return piece;
  };
}

Result<void> ClusterAttachments::forget(std::span<const std::string> webhooks) {
  for (const std::string& webhook : webhooks) {
    const Result<void> done = writing_.run(
        webhook,
        all_of({{"DELETE FROM attachment_part WHERE path IN (SELECT path FROM attachment WHERE "
                 "webhook_id = $1)",
                 {pg::text(webhook)}},
                {"UPDATE attachment SET expires_at = to_timestamp(0), kept_until = "
                 "to_timestamp(0) WHERE webhook_id = $1",
                 {pg::text(webhook)}}}));
    if (!done) return done;
  }
  return {};
}

Result<void> ClusterAttachments::purge(store::Time now) {
  return writing_.run(
      "", all_of({{"DELETE FROM attachment_part WHERE path IN (SELECT path FROM attachment WHERE "
                   "expires_at <= $1)",
                   {pg::time(now)}},
                  {"DELETE FROM attachment WHERE expires_at <= $1 AND greatest(expires_at, "
                   "created_at) < $2",
                   {pg::time(now), pg::time(now - remember_links)}}}));
}

}  // namespace postern::app
