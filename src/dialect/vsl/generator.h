// How a script's parts become lines of Lua. Private to the compiler.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dialect/vsl/compiler.h"

namespace postern::dialect::vsl {

struct Line {
  std::string text;
  Place place;
};

struct Variable {
  std::string name;    ///< of an imported file's alias "::alias"
  std::size_t id = 0;  ///< how many were declared before it
  int slot = 0;
  bool constant = false;
  bool cell = false;  ///< the slot holds a table whose first entry is the value: functions share it
  bool maybe = false;  ///< declared within an expression: control may not have come by
};

/// One function of the Lua text.
struct Frame {
  enum class Kind : std::uint8_t {
    file,      ///< what runs when the file is loaded
    function,  ///< `fn`
    closure,
    attempt,  ///< the block of a `try`
  };
  struct Scope {
    std::vector<Variable> variables;
  };
  struct Loop {
    std::string again;  ///< labels
    std::string out;
    std::string value;  ///< gets what `break` says; empty: nobody asks
  };
  struct Capture {
    std::size_t id;
    Frame* owner;
    int slot;
  };

  Kind kind = Kind::file;
  Frame* outer = nullptr;
  std::vector<Scope> scopes;
  std::vector<Loop> loops;
  std::vector<Capture> captures;  ///< the i-th is C[i + 1]
  std::vector<bool> taken;        ///< slots, the first at 0
  std::vector<Line> lines;
  bool returns = false;  ///< an attempt's ways out
  bool breaks = false;
  bool continues = false;
};

class Generator {
 public:
  /// `captured`: variables that several functions share, by Variable::id; found out by running a
  /// generator without.
  Generator(const Sources& sources, const FindFunction& find, const std::set<std::size_t>& captured,
            const std::unordered_map<const Node*, std::size_t>& directives)
      : sources_(sources), find_(find), captured_(captured), directives_(directives) {}

  void file(std::size_t index, bool needed);

  std::vector<Line> take_lines() { return std::move(lines_); }
  std::set<std::size_t> take_shared() { return std::move(shared_); }

 private:
  /// A slot for as long as this lives.
  class Temporary {
   public:
    explicit Temporary(Generator& generator);
    Temporary(Temporary&& other) noexcept : generator_(other.generator_), slot_(other.slot_) {
      other.slot_ = -1;
    }
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    Temporary& operator=(Temporary&&) = delete;
    ~Temporary();
    const std::string& text() const { return text_; }

   private:
    Generator& generator_;
    int slot_;
    std::string text_;
  };
  /// Where a value stands: a word of Lua, or a slot that is given back when this goes.
  struct Operand {
    std::string text;
    std::optional<Temporary> slot;
  };
  class InScope;
  class InFrame;
  /// A variable as the current function reaches it.
  struct Reach {
    const Variable* variable;
    std::string cell;  ///< of a shared one; else the value's own slot
    std::string value;
    bool foreign;  ///< of another function
    bool of_file;  ///< made when the file loaded
  };

  // Frames, slots and names (generator.cc).
  void line(std::string text, Position at);
  /// One that belongs to what the line before it does.
  void line(std::string text) { line(std::move(text), at_); }
  std::string label(std::string_view word);
  int take_slot(bool fresh = false);
  void give_slot(int slot) { frame_->taken[static_cast<std::size_t>(slot)] = false; }
  static std::string slot_text(int slot);
  bool at_file_level() const;
  Variable& declare_local(const std::string& name, bool constant, bool maybe);
  void declare(const std::string& name, bool constant, const std::string& value,
               bool in_expression = false);
  std::optional<Reach> reach(std::string_view name);
  std::string cells_for(const Frame& inner) const;
  void finish_frame(const std::string& head, std::size_t parameters, Position at);
  void parameters(const std::vector<Name>& names);
  void function(const Function& one);
  std::string function_name(const Function& one) const;
  const Function* own_function(std::string_view name, std::size_t arguments) const;

  // Expressions (generator_expressions.cc, generator_calls.cc). `into` is a slot, or empty when
  // nobody asks for the value.
  void expression(const Node& node, const std::string& into);
  void evaluate(const Node& node, const std::string& into);
  Operand operand(const Node& node, bool calm_after);
  std::vector<Operand> operands(const std::vector<NodePtr>& nodes, std::size_t from);
  Operand condition(const Node& node);
  bool is_calm(const Node& node);
  bool are_calm(const std::vector<NodePtr>& nodes, std::size_t from);
  void variable(const Node& node, const std::string& into);
  void unary(const Node& node, const std::string& into);
  void binary(const Node& node, const std::string& into);
  void short_circuit(const Node& node, const std::string& into);
  void interpolate(const Node& node, const std::string& into);
  void collection(const Node& node, const std::string& into);
  void closure(const Node& node, const std::string& into);
  void block(const Node& node, const std::string& into);
  void if_else(const Node& node, const std::string& into);
  void switch_case(const Node& node, const std::string& into);
  void object(const Node& node, const std::string& into);
  void service(const Node& node, const std::string& into);
  void directive(const Node& node, const std::string& into);
  void chain(const Node& node, const std::string& into);
  void link(const Node& node, const std::string& value, const std::string& into);
  void method(const Node& node, const std::string& value, const std::string& into);
  std::string other_method(const Node& node, const std::string& value, const std::string& list);
  void call(const Node& node, const std::string& into);
  void call_module(const Node& node, const std::string& list, const std::string& into);
  std::string module_named(const std::string& alias);
  bool uses_this(const Function& one);
  bool host_has(std::string_view name, std::size_t arguments) const;

  // Statements (generator_statements.cc).
  void statement(const Node& node, const std::string& into);
  void statements(const std::vector<NodePtr>& nodes, const std::string& into);
  void stage_map(const Node& node);
  void let(const Node& node, bool exported);
  void export_name(const Node& node);
  void import(const Node& node);
  void assign(const Node& node);
  void assign_variable(const Node& target, Position at, const std::string& value);
  void loop(const Node& node, const std::string& into);
  void for_loop(const Node& node, const std::string& into);
  void loop_body(const Node& body, std::string again, std::string out, const std::string& into);
  void return_value(const Node& node);
  void return_text(const std::string& value);
  void leave_loop(const Node& node);
  bool leave(bool again, const std::string& value);
  void try_catch(const Node& node, const std::string& into);
  void after_attempt(const Frame& inner, const std::string& signal, const std::string& value,
                     Position at);

  const Sources& sources_;
  const FindFunction& find_;
  const std::set<std::size_t>& captured_;
  const std::unordered_map<const Node*, std::size_t>& directives_;
  std::set<std::size_t> shared_;
  std::vector<Line> lines_;
  Frame* frame_ = nullptr;
  std::size_t file_ = 0;
  Position at_;  ///< of the last line
  std::size_t variables_ = 0;
  std::size_t labels_ = 0;
  std::size_t functions_ = 0;
  std::unordered_map<const Node*, bool> calm_;
};

/// The runtime's function of an operator: "add" of "+".
std::string_view function_of_operator(std::string_view word);

/// As a string of Lua on one line.
std::string quoted(std::string_view text);

/// Methods that the runtime has, and with how many arguments.
struct BuiltIn {
  std::string_view name;
  std::size_t least;
  std::size_t most;
  bool calls = false;  ///< may call a function of the script: gets the depth and the file
};
const BuiltIn* built_in(std::string_view name, std::size_t arguments);

inline constexpr std::size_t most_parameters = 100;

}  // namespace postern::dialect::vsl
