// What is behind the links of a cluster: every gateway serves it, also when the one that took the
// message is dead.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "cluster/database.h"
#include "serve/attachment_files.h"
#include "spool/pgsql_conversations.h"
#include "spool/pgsql_reader.h"
#include "store/linked_octets.h"

namespace postern::app {

/// Rows of the tables of spool::pgsql_inbox_schema(). Thread-safe.
class ClusterAttachments final : public Attachments, public store::LinkedOctets {
 public:
  /// `database` is borrowed. `temporary_directory`: for what is larger than memory should hold.
  ClusterAttachments(cluster::Database& database, std::string temporary_directory,
                     std::string public_url);

  void stop() override { writing_.stop(); }
  Result<std::optional<store::AttachmentRow>> find(std::string_view id) override;
  Result<std::optional<Source>> open(const store::AttachmentRow& row) override;
  Result<void> forget(std::span<const std::string> webhooks) override;
  /// Deletes what is behind expired links, and their rows after 30 days. Blocks.
  Result<void> purge(store::Time now);

 private:
  class Rows;
  Result<std::unique_ptr<Octets>> create(const std::string& name) override;
  void keep(const std::string& name, deliver::LinkedFiles::Done done) override;
  void drop(const std::string& name, bool kept_too) override;

  const std::string temporary_directory_;
  std::shared_ptr<spool::PgsqlReader> reading_;
  spool::PgsqlConversations writing_;
};

}  // namespace postern::app
