// Products in half precision, summed in it over sixteen numbers and in float32 beyond. A half holds 11 bits and numbers
// up to 65504: each product and partial sum is off by 2^-11 of its size, which the longer sum averages out.

alias Real4 = vec4<f16>;
