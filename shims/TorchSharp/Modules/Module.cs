using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>A network or a part of one: owns parameters, buffers and submodules under names.</summary>
        public abstract class Module : IDisposable
        {
            private readonly string _name;
            private readonly List<(string Name, Parameter Value)> _parameters = [];
            private readonly List<(string Name, Module Value)> _modules = [];
            private readonly Dictionary<string, (Tensor Value, bool Persistent)> _buffers = [];
            private readonly List<string> _bufferNames = [];
            private bool _registered;

            protected Module(string name) => _name = name;

            public virtual bool training { get; private set; } = true;

            public virtual string GetName() => _name;

            public virtual void train(bool train = true)
            {
                training = train;
                foreach ((_, Module child) in _modules)
                {
                    child.train(train);
                }
            }

            public virtual void eval() => train(false);

            public virtual void zero_grad(bool set_to_none = true)
            {
                foreach (Parameter parameter in parameters())
                {
                    if (set_to_none)
                    {
                        parameter.grad = null;
                    }
                    else
                    {
                        using Tensor grad = parameter.grad;
                        grad?.zero_();
                    }
                }
            }

            public virtual void register_parameter(string name, Parameter param)
            {
                if (param is not null)
                {
                    param.DetachFromDisposeScope();
                    _parameters.Add((name, param));
                }
            }

            public virtual void register_module(string name, Module submodule)
            {
                if (submodule is not null)
                {
                    submodule.RegisterComponents();
                    _modules.Add((name, submodule));
                }
            }

            public virtual void register_buffer(string name, Tensor tensor, bool persistent = true)
            {
                tensor.DetachFromDisposeScope();
                if (!_buffers.ContainsKey(name))
                {
                    _bufferNames.Add(name);
                }

                _buffers[name] = (tensor, persistent);
            }

            public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
            {
                var seen = new HashSet<nint>();
                foreach ((string name, Parameter value) in All(recurse, m => m._parameters))
                {
                    if (seen.Add(value.Handle))
                    {
                        yield return (name, value);
                    }
                }
            }

            public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(p => p.parameter);

            public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true) =>
                All(recurse, m => m._bufferNames.Where(n => include_nonpersistent || m._buffers[n].Persistent).Select(n => (n, m._buffers[n].Value)));

            public virtual IEnumerable<(string name, Module module)> named_children() => _modules.Select(m => (m.Name, m.Value));

            public virtual IEnumerable<Module> children() => _modules.Select(m => m.Value);

            public virtual IEnumerable<(string name, Module module)> named_modules()
            {
                foreach ((string name, Module child) in _modules)
                {
                    yield return (name, child);
                    foreach ((string inner, Module module) in child.named_modules())
                    {
                        yield return ($"{name}.{inner}", module);
                    }
                }
            }

            public virtual IEnumerable<Module> modules() => named_modules().Select(m => m.module);

            public virtual Module apply(Action<Module> fn)
            {
                foreach (Module child in children())
                {
                    child.apply(fn);
                }

                fn(this);
                return this;
            }

            public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor> destination = null, string prefix = null)
            {
                destination ??= [];
                foreach ((string name, Parameter value) in named_parameters())
                {
                    destination[Join(prefix, name)] = value;
                }

                foreach ((string name, Tensor value) in named_buffers(include_nonpersistent: false))
                {
                    destination[Join(prefix, name)] = value;
                }

                return destination;
            }

            public virtual (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(Dictionary<string, Tensor> source, bool strict = true, IList<string> skip = null)
            {
                Dictionary<string, Tensor> own = state_dict();
                List<string> missing = own.Keys.Where(k => !source.ContainsKey(k) && skip?.Contains(k) != true).ToList();
                List<string> unexpected = source.Keys.Where(k => !own.ContainsKey(k) && skip?.Contains(k) != true).ToList();
                if (strict && missing.Count + unexpected.Count > 0)
                {
                    throw new InvalidOperationException($"The loaded state_dict is not identical to the target dictionary: missing [{string.Join(", ", missing)}], unexpected [{string.Join(", ", unexpected)}].");
                }

                using IDisposable frozen = no_grad();
                foreach ((string name, Tensor value) in source.Where(s => own.ContainsKey(s.Key) && skip?.Contains(s.Key) != true))
                {
                    own[name].copy_(value);
                }

                return (missing, unexpected);
            }

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            protected virtual void Dispose(bool disposing)
            {
                if (disposing)
                {
                    _parameters.ForEach(p => p.Value.Dispose());
                    _modules.ForEach(m => m.Value.Dispose());
                    _buffers.Values.ToList().ForEach(b => b.Value.Dispose());
                }
            }

            /// <summary>Registers every field that holds a parameter, a buffer or a module, under the field's name; not those behind properties.</summary>
            protected virtual void RegisterComponents()
            {
                if (_registered)
                {
                    return;
                }

                _registered = true;
                FieldInfo[] fields = GetType().GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public);
                foreach (FieldInfo field in fields.Where(f => f.Name[0] != '<'))
                {
                    switch (field.GetValue(this))
                    {
                        case Module module when !_modules.Any(m => m.Name == field.Name):
                            register_module(field.Name, module);
                            break;
                        case Parameter parameter when !_parameters.Any(p => p.Name == field.Name):
                            register_parameter(field.Name, parameter);
                            break;
                        case Modules.Parameter or Module or null:
                            break;
                        case Tensor tensor when !_buffers.ContainsKey(field.Name):
                            register_buffer(field.Name, tensor);
                            break;
                    }
                }
            }

            private static string Join(string prefix, string name) => string.IsNullOrEmpty(prefix) ? name : $"{prefix}.{name}";

            private IEnumerable<(string, T)> All<T>(bool recurse, Func<Module, IEnumerable<(string, T)>> select)
            {
                foreach ((string, T) own in select(this))
                {
                    yield return own;
                }

                foreach ((string name, Module child) in recurse ? _modules : [])
                {
                    foreach ((string inner, T value) in child.All(true, select))
                    {
                        yield return ($"{name}.{inner}", value);
                    }
                }
            }
        }

        /// <summary>A module with one input.</summary>
        public abstract class Module<T, TResult>(string name) : Module(name)
        {
            public abstract TResult forward(T input);

            public TResult call(T input) => forward(input);
        }
    }
}
