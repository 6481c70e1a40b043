"""The tuned model as a service: vLLM, started with the settings of the build, and compared with the build's reader.

environment  where vLLM is installed: an environment of its own, made by `make serving-env`
command      what vLLM is started with, for which kind of model folder
adapter      whether vLLM applies an adapter whole beside its base, or it must be merged
engine       a running server: started, waited for, stopped with all its processes
parity       the test pages through vLLM, beside what the build's reader made of them
"""
