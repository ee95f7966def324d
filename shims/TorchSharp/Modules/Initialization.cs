namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Initial values.</summary>
        public static class init
        {
            private static readonly Native.Operator s_normal = new("normal_");

            public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator generator = null)
            {
                using IDisposable off = no_grad();
                s_normal.CallInPlace(tensor, mean, std, generator);
                return tensor;
            }

            public static Tensor constant_(Tensor tensor, Scalar val)
            {
                using IDisposable off = no_grad();
                return tensor.fill_(val);
            }

            public static Tensor zeros_(Tensor tensor) => constant_(tensor, 0);

            public static Tensor ones_(Tensor tensor) => constant_(tensor, 1);
        }
    }
}
