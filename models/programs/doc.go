// Package programs embeds the tensor programs that Morgana is measured and tested on: base programs (the
// nine benchmarks of Mirage, OSDI '25, with the true softmax, and some that it does not have), all programs of
// Mirage's repository as the family mirage, and the family morgana beyond them.
//
//	base:      NAME.ug (f32, batch 1) ── dtype: f32[ → f16[ ── batch: leading extents × b ──▶ text of NAME/f16/b8
//	families:  mirage/FORMULA.ug ──┬─ bind: a size for each symbol that the row fixes,
//	           morgana/FORMULA.ug  │  f32[ → the row's type, the program's name ──▶ text of mirage/NAME
//	           row of mirage.go ───┘
//
// # The base programs
//
// A variant is not a text of its own but is made from the one text of its program:
//
//   - /f16 and /bf16 replace the element type f32 in every declaration, and nothing else;
//   - /b8 and /b16 multiply the leading extent of every input that is not a weight (const). In
//     Mirage's benchmarks just this is what the batch size does. Only the programs whose benchmark
//     has a batch size have these variants.
//
// A name puts the element type first (gqa/f16/b8). A variant's program keeps the base name, so that
// results of one program stand together.
//
// # The families
//
// A family is a folder of formulas, with sizes as symbols in where, and a Go table of the same name, whose
// rows make programs of them: name, formula, sizes (N=4096, of some or all symbols), the element type that
// stands in place of f32 in the declarations, further conditions on the symbols that stay, and a line that
// says where it comes from. The program's identifier is its full name with _ between: mirage_gated_mlp. To
// add a program is to add a row; the tests parse every row.
//
// # Mirage's programs
//
// The rows of the family mirage have Mirage's element type, f16 for most. Its softmax takes no maximum off;
// the rows have the true one, and stand beside a variant /nomax that computes as Mirage does: what its saved
// graphs are compared with. In exact arithmetic the two are one program; in f16, exp of a score above 11 is
// infinite when each operator is rounded, as it is on a GPU that runs Mirage's operators one by one.
//
// In the rows of f8e4m3, matmul sums in f32 and its result is rounded once: to f8e4m3 where the operands meet
// as they are (hopper_fp8_linear), to f16 where they are widened first, which is exact (…/widened). A cast to
// f8e4m3 stays where it is written, so what the first rounds no other kernel can round elsewhere.
//
// # Rationale
//
// The attention programs of Mirage have no scale 1/√d in front of the softmax and get K
// transposed; they are kept so, and attention_decode has the scale and the usual layout. In
// qknorm_gqa the keys are normed; Mirage's benchmark of that name norms the values instead, and
// stands here as qvnorm_gqa.
//
// Why formulas and rows, and not a text each? rms(X) W alone is 16 rows, and a text that is there
// once is read, compared with plain loops and mended once.
//
// Why are the families apart from the base programs? The tests and tables of other packages go through List;
// they stay as short as they are while the families grow.
package programs
