#pragma once

#include <memory>
#include <string>

#include "dialect/restrictions/evaluate.h"
#include "policy/layer.h"

namespace postern::dialect::restrictions {

/// Restriction lists as a layer. It comes first: a recipient that is no webhook's and that no list
/// refuses gets its route here (Route::Kind::relay), which is what the prover proves closed.
class RestrictionsLayer final : public policy::Layer {
 public:
  /// `definition`: what makes the policy again, as JSON (see definition_of()).
  RestrictionsLayer(std::shared_ptr<const Policy> policy, std::string definition);

  std::string_view name() const override { return "restrictions"; }
  std::string definition() const override { return definition_; }
  bool speaks_at(policy::Stage stage) const override;
  Task<policy::Verdict> judge(policy::Stage stage, policy::Evidence& evidence,
                              policy::Gatherer& gatherer,
                              std::vector<policy::Step>& steps) const override;

  const Policy& policy() const { return *policy_; }

 private:
  /// The route of a recipient that no list refused.
  Task<policy::Verdict> give_route(policy::Evidence& evidence, policy::Gatherer& gatherer,
                                   std::vector<policy::Step>& steps) const;

  std::shared_ptr<const Policy> policy_;
  std::string definition_;
};

/// Parameters and the table files they name, for a trace to be judged again offline. Files beyond
/// `largest` octets all together are left to be read from their place, unless it is in a folder
/// that is closed to them.
std::string definition_of(const Parameters& parameters,
                          const std::map<std::string, std::string>& files,
                          const std::vector<std::string>& closed = {},
                          std::size_t largest = 64 * 1024);

struct Loaded {
  Compiled compiled;
  std::string definition;
};
/// compile() that remembers the files it read.
Loaded load(const Parameters& parameters, const TableSources& sources, Errors errors);
/// A layer made again from definition(). Fault::malformed.
Result<std::shared_ptr<const policy::Layer>> layer_from_definition(std::string_view definition);

}  // namespace postern::dialect::restrictions
