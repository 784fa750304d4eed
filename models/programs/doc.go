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
// # Rationale
//
// The attention programs of Mirage have no scale 1/√d in front of the softmax and get K
// transposed; they are kept so, and attention_decode has the scale and the usual layout. In
// qknorm_gqa the keys are normed; Mirage's benchmark of that name norms the values instead, and
// stands here as qvnorm_gqa.
package programs
