BoutputJE5•?d=
¿âÿà?²8ÀxXN?¹t~@