#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "dialect/restrictions/evaluate.h"
#include "policy/layer.h"
#include "policy/relaying.h"

namespace postern::dialect::restrictions {

/// Restriction lists as a layer, the first of its engine. A recipient without a webhook that no
/// list refuses gets its route here (Route::Kind::relay); the linter proves that this is no open
/// relay.
class RestrictionsLayer final : public policy::Layer {
 public:
  /// `definition`: JSON from definition_of().
  RestrictionsLayer(std::shared_ptr<const ListPolicy> policy, std::string definition);

  std::string_view name() const override { return "restrictions"; }
  std::string definition() const override { return definition_; }
  bool speaks_at(policy::Stage stage) const override;
  Task<policy::Ruling> judge(policy::Stage stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>& steps) const override;

  /// The compiled lists.
  const ListPolicy& policy() const { return *policy_; }

 private:
  /// The reason to relay to a recipient that no list refused, in `grant`; nullopt: none.
  Task<policy::Verdict> give_route(policy::Inquiry& inquiry, std::vector<policy::Step>& steps,
                                   std::optional<policy::Grant>& grant) const;

  std::shared_ptr<const ListPolicy> policy_;
  std::string definition_;
};

/// JSON of the parameters and the table files that they name, to replay traces offline. Of files
/// beyond `largest` octets in total only the path is kept, to be read again, unless the file is in
/// a folder of `closed`. `places`: position of rules in the user's file, by Rule::origin.
std::string definition_of(const Parameters& parameters,
                          const std::map<std::string, std::string>& files,
                          const std::vector<std::string>& closed = {},
                          const std::map<std::string, std::string>& places = {},
                          std::size_t largest = 64 * 1024);

/// The result of load().
struct Loaded {
  Compiled compiled;       ///< policy and diagnostics
  std::string definition;  ///< as of definition_of()
  /// Of loaded_from_definition(): the files that the definition has only the SHA-256 of, and whose
  /// content is another one now.
  std::set<std::string> changed = {};
};
/// As compile(), and keeps the files that it reads for the definition. Blocks while it reads.
Loaded load(const Parameters& parameters, const TableSources& sources, Errors errors,
            const Locate& locate = {});
/// Rebuilds lists from definition(); files that it has not are read again. Fault::malformed.
Result<Loaded> loaded_from_definition(std::string_view definition);
/// The same as a layer.
Result<std::shared_ptr<const policy::Layer>> layer_from_definition(std::string_view definition);

}  // namespace postern::dialect::restrictions
