// The restriction lists that run, and their history. The configuration file and the API both write
// them; whichever changed last is what runs (docs/decisions/0022).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/host_file.h"
#include "dialect/restrictions/section.h"
#include "store/store.h"

namespace postern::admin {

/// One revision, judged. Immutable.
struct Lists {
  store::ListRevisionRow row;  ///< revision 0: nothing was ever written
  /// Neither is there where no lists run.
  std::optional<dialect::restrictions::Section> section;
  std::shared_ptr<const dialect::restrictions::Judged> judged;
};

/// Safe from any thread; what it does blocks on the disk.
class RunningLists {
 public:
  /// `apply` makes the gateway decide by these lists, from the next command on; it is called with
  /// every change, one at a time.
  RunningLists(store::Store& store, std::string hostname,
               std::function<void(const Lists&)> apply = {});

  const std::string& hostname() const { return hostname_; }
  /// Which files and servers lists may name that the API sets; until it is called, none. Those of
  /// the configuration file may name others, within the same limits.
  void let_read(FileRules rules);
  FileRules file_rules() const;
  std::shared_ptr<const Lists> current() const;

  /// At the start, and whenever the configuration is read again. A section that differs from the
  /// newest one that came from a file becomes a revision; else the newest revision runs, whoever
  /// wrote it, its tables read anew. `judged`: of `section`, which is nullopt when the file has
  /// none. `rules`: which files lists may name from then on, as let_read(). Fault::malformed when
  /// the lists that should run can no longer be served with: what ran goes on running, by the rules
  /// that it had.
  Result<void> follow_file(const std::optional<dialect::restrictions::Section>& section,
                           const std::shared_ptr<const dialect::restrictions::Judged>& judged,
                           const FileRules& rules);
  Result<void> follow_file(const std::optional<dialect::restrictions::Section>& section,
                           const std::shared_ptr<const dialect::restrictions::Judged>& judged) {
    return follow_file(section, judged, file_rules());
  }

  /// Makes `next` (judged, without errors) the newest revision and lets it run; fills in its
  /// number. `expected`: the revision it was made from; nullopt: whichever. Outcome::stale when
  /// another is the newest.
  Result<store::Outcome> put(Lists next, std::optional<std::uint64_t> expected,
                             const store::AuditRow& audit);

 private:
  Result<store::Outcome> keep(Lists& next, std::uint64_t newest, const store::AuditRow* audit);
  void run(Lists lists);

  store::Store& store_;
  std::string hostname_;
  std::function<void(const Lists&)> apply_;
  std::mutex change_;  ///< held over store and gateway: one change at a time
  mutable std::mutex mutex_;
  std::shared_ptr<const Lists> current_;
  FileRules rules_{.folders = {{}},
                   .folders_key = "api.table_folders",
                   .services = {{}},
                   .services_key = "api.table_services"};
};

/// The newest revision, when it holds for a file with this section; nullopt when the file's own
/// section does: it has changed since, or nothing else was ever put.
Result<std::optional<store::ListRevisionRow>> revision_over_file(
    store::Store& store, const std::optional<dialect::restrictions::Section>& section);
/// A draft of the API's. What is wrong with a file is said without its content.
Lists judged(dialect::restrictions::Section section, const std::string& hostname,
             const FileRules& rules);
/// What the revision says, judged anew; `rules` are RunningLists::file_rules(). Fault::malformed
/// when it cannot be read.
Result<Lists> judged_again(store::ListRevisionRow row, const std::string& hostname,
                           FileRules rules);

}  // namespace postern::admin
