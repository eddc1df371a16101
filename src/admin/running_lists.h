// The running restriction lists and their history. The configuration file and the API both write
// them; the latest change is in force (docs/decisions/0022).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/host_file.h"
#include "dialect/restrictions/section.h"
#include "store/store.h"

namespace postern::admin {

/// A revision with its judgement. Immutable.
struct Lists {
  store::ListRevisionRow row;  ///< revision 0: none was ever written
  /// Both are empty if no lists are in force.
  std::optional<dialect::restrictions::Section> section;
  /// What `section` means, and its errors.
  std::shared_ptr<const dialect::restrictions::Judged> judged;
};

/// Gateways that share their revisions, each with a configuration file of its own.
struct SharedRevisions {
  /// A file in which this gateway remembers what the lists of its configuration file were: whether
  /// they have changed is no question about the file of another one. Empty: there is no other.
  std::string memory;
  std::string gateway;  ///< its name, for the history
};

/// What lists that were set through the API, or by another gateway, stay in force over.
enum class ListsOver {
  file,     ///< those of the file, if these have not changed
  nothing,  ///< the lists of the file come into force
};

/// Safe from any thread. Changes block on the disk.
class RunningLists {
 public:
  /// `apply` puts lists into force from the next SMTP command on. It is called with each change,
  /// one at a time. `store` must outlive this.
  RunningLists(store::Store& store, std::string hostname,
               std::function<void(const Lists&)> apply = {});

  /// Of the gateway.
  const std::string& hostname() const { return hostname_; }
  /// Sets which files and servers may be named by lists set through the API; initially none. Lists
  /// of the configuration file may name others, within the same limits.
  void let_read(FileRules rules);
  /// Sets what is asked before lists come into force: it says why they may not, or nothing.
  void guard(std::function<std::string(const Lists&)> why_not) { why_not_ = std::move(why_not); }
  /// Call it before follow_file().
  void share(SharedRevisions shared) { shared_ = std::move(shared); }
  /// What let_read() set.
  FileRules file_rules() const;
  /// The lists in force; never null.
  std::shared_ptr<const Lists> current() const;

  /// Call it at the start and after each reload of the configuration. If `section` (nullopt: the
  /// file has none) differs from what the file had before, it becomes a new revision. That is the
  /// newest revision from a file or, with share(), what this gateway remembers; one that remembers
  /// nothing begins with the newest revision, if there is one.
  /// Otherwise the newest revision stays in force, and its tables are read again, unless `over` is
  /// ListsOver::nothing: then those of the file do. `judged`: of `section`. `rules`: see
  /// let_read(). Fault::malformed: the lists cannot be used, so the previous lists and rules stay
  /// in force. Fault::denied: guard() has refused them; likewise. Other errors: the store's.
  Result<void> follow_file(const std::optional<dialect::restrictions::Section>& section,
                           const std::shared_ptr<const dialect::restrictions::Judged>& judged,
                           const FileRules& rules, ListsOver over = ListsOver::file);
  /// The same with the current rules.
  Result<void> follow_file(const std::optional<dialect::restrictions::Section>& section,
                           const std::shared_ptr<const dialect::restrictions::Judged>& judged) {
    return follow_file(section, judged, file_rules());
  }

  /// Another gateway of the cluster has made a revision: the newest one comes into force. Call it
  /// after follow_file(). Fault::malformed, Fault::denied: it cannot be used here, so the lists in
  /// force stay.
  /// Other errors: the store's.
  Result<void> follow_store();

  /// Stores `next` (judged, without errors) as the newest revision, sets its number and puts it
  /// into force. `expected`: the revision that it was made from; nullopt: any. Outcome::stale:
  /// another revision is the newest.
  Result<store::WriteOutcome> put(Lists next, std::optional<std::uint64_t> expected,
                                  const store::AuditRow& audit);

 private:
  Result<store::WriteOutcome> follow_once(
      const std::optional<dialect::restrictions::Section>& section,
      const std::shared_ptr<const dialect::restrictions::Judged>& judged, const FileRules& rules,
      ListsOver over);
  Result<store::WriteOutcome> keep(Lists& next, std::uint64_t newest, const store::AuditRow* audit);
  void run(Lists lists);
  /// Fault::denied: guard() has refused them.
  Result<void> guarded(const Lists& lists) const;
  /// A stored revision, judged and guarded; errors name it and its origin: "set through the API".
  Result<Lists> stored_again(store::ListRevisionRow row, const FileRules& rules,
                             std::string_view origin) const;

  store::Store& store_;
  std::string hostname_;
  std::function<void(const Lists&)> apply_;
  std::function<std::string(const Lists&)> why_not_;
  std::mutex change_;  ///< held during a change of store and gateway
  mutable std::mutex mutex_;
  SharedRevisions shared_;
  std::shared_ptr<const Lists> current_;
  FileRules rules_{.folders = {{}},
                   .folders_key = "api.table_folders",
                   .services = {{}},
                   .services_key = "api.table_services"};
};

/// The newest revision, if it overrides a file with this section; nullopt: the file's section
/// applies, because it has changed since, or nothing else was set. Errors: the store's, and those
/// of the memory's file.
Result<std::optional<store::ListRevisionRow>> revision_over_file(
    store::Store& store, const std::optional<dialect::restrictions::Section>& section,
    const SharedRevisions& shared);
/// Judges a draft from the API. Error messages do not quote the contents of files.
Lists judged(dialect::restrictions::Section section, const std::string& hostname,
             const FileRules& rules);
/// Judges a stored revision again. `rules`: RunningLists::file_rules(). Fault::malformed: it cannot
/// be read.
Result<Lists> judged_again(store::ListRevisionRow row, const std::string& hostname,
                           FileRules rules);

}  // namespace postern::admin
