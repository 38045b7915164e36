// Products in float32.

alias Real4 = vec4f;
