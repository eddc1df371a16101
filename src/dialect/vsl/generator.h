// Translates the parts of a script to lines of Lua. Private to the compiler.
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

/// A line of Lua.
struct Line {
  std::string text;  ///< without line end
  Place place;       ///< its source
};

/// A variable of the script.
struct Variable {
  std::string name;       ///< "::alias" for an imported file
  std::size_t id = 0;     ///< in the order of declaration, from 0
  int slot = 0;           ///< where the value is
  bool constant = false;  ///< may not be assigned
  /// The slot holds a table {value, whether it was made while files were loaded}, shared by
  /// functions.
  bool cell = false;
  bool maybe = false;  ///< declared within an expression that may not have run
};

/// A function of the Lua text.
/// Its source.
struct Frame {
  enum class Kind : std::uint8_t {
    file,      ///< what runs when the file is loaded
    function,  ///< `fn`
    closure,
    attempt,  ///< the block of a `try`
  };
  /// A block with its names.
  struct Scope {
    std::vector<Variable> variables;  ///< in the order of declaration
  };
  /// A loop around the current line.
  struct Loop {
    std::string again;  ///< label of the next round
    std::string out;    ///< label of the end
    std::string value;  ///< gets the value of `break`; empty: it is not used
  };
  /// A variable of an outer function.
  struct Capture {
    std::size_t id;  ///< Variable::id
    Frame* owner;    ///< the frame that declares it
    int slot;        ///< in that frame
  };

  Kind kind = Kind::file;         ///< see Kind
  Frame* outer = nullptr;         ///< the enclosing function; null: none
  std::vector<Scope> scopes;      ///< innermost last
  std::vector<Loop> loops;        ///< innermost last
  std::vector<Capture> captures;  ///< the i-th is C[i + 1]
  std::vector<bool> taken;        ///< which slots are in use, from 0
  std::vector<Line> lines;        ///< of the body
  bool returns = false;           ///< the block of a `try` contains `return`
  bool breaks = false;            ///< the block contains `break` out of it
  bool continues = false;         ///< the block contains `continue` out of it
};

/// Writes the Lua text of all files. For one compilation, on one thread.
class Generator {
 public:
  /// `captured`: variables that several functions share, by Variable::id. A first run without it
  /// finds them; see take_shared(). All arguments must outlive the generator.
  Generator(const Sources& sources, const FindFunction& find, const std::set<std::size_t>& captured,
            const std::unordered_map<const Node*, std::size_t>& directives)
      : sources_(sources), find_(find), captured_(captured), directives_(directives) {}

  /// Writes a file. `needed`: the policy does not load without it.
  void file(std::size_t index, bool needed);

  std::vector<Line> take_lines() { return std::move(lines_); }  ///< the text
  /// The variables that several functions share, by Variable::id.
  std::set<std::size_t> take_shared() { return std::move(shared_); }

 private:
  /// A slot that is reserved during its lifetime.
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
  /// A value: a Lua expression, or a slot that is freed with this object.
  struct Operand {
    std::string text;
    std::optional<Temporary> slot;
  };
  class InScope;
  class InFrame;
  /// How the current function accesses a variable.
  struct Reach {
    const Variable* variable;
    std::string cell;  ///< the slot of its cell if it is shared, else of the value
    std::string value;
    bool foreign;  ///< declared by another function
  };

  // Frames, slots and names (generator.cc).
  void line(std::string text, Position at);
  /// A line with the same source as the one before.
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
  static std::string cell_text(const std::string& value);
  std::string cells_for(const Frame& inner) const;
  void finish_frame(const std::string& head, std::size_t parameters, Position at);
  void parameters(const std::vector<Name>& names);
  void function(const Function& one);
  std::string function_name(const Function& one) const;
  const Function* own_function(std::string_view name, std::size_t arguments) const;

  // Expressions (generator_expressions.cc, generator_calls.cc). `into` is a slot, or empty if the
  // value is not used.
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

/// The runtime's function for an operator: "add" for "+".
std::string_view function_of_operator(std::string_view word);

/// A Lua string literal on one line.
std::string in_quotes(std::string_view text);

/// A method of the runtime.
struct BuiltIn {
  std::string_view name;  ///< as scripts call it
  std::size_t least;      ///< arguments, at least
  std::size_t most;       ///< arguments, at most
  bool calls = false;     ///< may call a function of the script; gets the call depth and the file
};
/// The method with this name that takes `arguments` arguments. Null: there is none.
const BuiltIn* built_in(std::string_view name, std::size_t arguments);

/// The most parameters of a function.
inline constexpr std::size_t most_parameters = 100;

}  // namespace postern::dialect::vsl
